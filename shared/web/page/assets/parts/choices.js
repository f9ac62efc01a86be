// Choosing one of a few: links where the choice is part of the address, so that it can be sent on.

import { h } from "./dom.js";
import { goTo, linkTo } from "../data/address.js";

/** Side by side: `choices` are [value, name]. */
export const segments = (label, place, name, choices, chosen) =>
  h(
    "nav",
    { class: "segments", "aria-label": label },
    choices.map(([value, text]) =>
      h(
        "a",
        {
          href: linkTo(place, { [name]: value, after: "" }),
          "data-focus": `${name}=${value}`,
          "aria-current": value === chosen ? "true" : null,
        },
        text,
      ),
    ),
  );

/** In a list. */
export function picker(label, place, name, choices, chosen) {
  const change = (event) => goTo(linkTo(place, { [name]: event.target.value, after: "" }));
  return h(
    "label",
    { class: "picker" },
    h("span", {}, label),
    h(
      "select",
      { "data-focus": name, on: { change } },
      choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
    ),
  );
}
