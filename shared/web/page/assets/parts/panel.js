// A part of a view: its heading, what one can do with it, and its content.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { download, csvAddress } from "../data/csv.js";
import { credential } from "../data/session.js";
import { say } from "./states.js";

let number = 0;

export function panel(title, { note, tools = [], wide = false, level = 2 } = {}, ...content) {
  const id = `panel-${++number}`;
  return h(
    "section",
    { class: wide ? "panel wide" : "panel", "aria-labelledby": id },
    h(
      "div",
      { class: "panel-head" },
      h("div", {}, h(`h${level}`, { id }, title), note && h("p", { class: "note" }, note)),
      tools.length > 0 && h("div", { class: "panel-tools" }, tools),
    ),
    content,
  );
}

/** A link to a report as CSV. With a pasted credential, which a link cannot carry, the page fetches it. */
export function csvLink(path, parameters, name) {
  const href = csvAddress(path, parameters);
  const fetchIt = (event) => {
    if (!credential()) return;
    event.preventDefault();
    download(href, name).catch((error) => say(error.message));
  };
  return h("a", { class: "button quiet", href, download: name, on: { click: fetchIt } }, icon("save"), "CSV");
}

/** A sign and a word in one colour: the colour alone says nothing. */
export const badge = (tone, text) => h("span", { class: `badge ${tone}` }, icon(tone), text);

export const facts = (pairs) =>
  h(
    "dl",
    { class: "facts" },
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
