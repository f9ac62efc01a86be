// A report as a file. A plain link cannot carry a pasted credential, so the file is fetched and then handed over.

import { address, endpoint, send } from "./api.js";
import { say } from "../parts/states.js";

const MOST_PAGES = 100;

/** An address whose answer is the report as CSV, all of its rows. */
export const csvAddress = (path, parameters) => address(path, { ...parameters, format: "csv" }).href;

/** Hand over a report, page after page as one file. */
export async function download(href, name) {
  say("Preparing the file.");
  const pages = [];
  for (let next = href; next && pages.length < MOST_PAGES;) {
    const response = await send(next, {});
    pages.push(await response.text());
    next = nextOf(response);
  }
  hand(new Blob([joined(pages)], { type: "text/csv" }), name);
  say(`${name} is ready.`);
}

function nextOf(response) {
  const link = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "");
  return link && endpoint(link[1]).href;
}

/** Every page has the line of column names; one file has it once. */
function joined(pages) {
  return pages.map((page, i) => (i ? page.slice(page.indexOf("\n") + 1) : page)).join("");
}

function hand(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
