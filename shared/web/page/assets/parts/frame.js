// The bar above every view: where one can go, who one is, and in which light.

import { h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { viewLink } from "../data/address.js";
import { credential, hasPlatformSignIn, platformSignOut } from "../data/session.js";

const THEME = "aoai-ledger.theme";

/** Draw it for who looks (null: nobody is signed in). `ways` are [view, name], `counts` what a way leads to. */
export function frame(place, viewer, ways, signOut, counts) {
  const open = place.view === "record" ? "records" : place.view;
  replace(
    document.getElementById("frame"),
    h(
      "div",
      { class: "bar" },
      h(
        "div",
        { class: "bar-row" },
        h("a", { class: "mark", href: viewLink(place, "overview") }, icon("mark"), "aoai-ledger"),
        viewer &&
          h(
            "nav",
            { class: "ways", "aria-label": "Views" },
            h(
              "ul",
              {},
              ways.map(([view, name]) =>
                h(
                  "li",
                  {},
                  h(
                    "a",
                    { href: viewLink(place, view), "aria-current": view === open ? "page" : null },
                    name,
                    h("span", { class: "count", "data-count": view }),
                  ),
                ),
              ),
            ),
          ),
        h(
          "div",
          { class: "who" },
          viewer && h("span", { class: "who-name", title: viewer.name }, viewer.name),
          themeButton(),
          viewer && leaveButton(signOut),
        ),
      ),
    ),
  );
  showCounts(counts);
  showWay();
}

/** How many wait where a way leads. Nothing else of the bar is drawn anew: somebody may have the focus there. */
export function showCounts(counts) {
  for (const mark of document.querySelectorAll("[data-count]")) {
    const count = counts[mark.dataset.count] ?? 0;
    mark.hidden = count === 0;
    replace(mark, String(count), h("span", { class: "unseen" }, " open"));
  }
}

/** On a narrow screen the ways are wider than the bar. (`scrollIntoView` would move where the Tab key starts from.) */
function showWay() {
  const [ways, way] = [document.querySelector(".ways"), document.querySelector(".ways [aria-current]")];
  if (way) ways.scrollLeft = way.offsetLeft - (ways.clientWidth - way.offsetWidth) / 2;
}

function themeButton() {
  const isDark = () =>
    getComputedStyle(document.documentElement).colorScheme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const button = h("button", { class: "icon-button", type: "button" });
  const draw = () => {
    replace(button, icon(isDark() ? "sun" : "moon"));
    button.setAttribute("aria-label", isDark() ? "Light theme" : "Dark theme");
    button.title = button.getAttribute("aria-label");
  };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    localStorage.setItem(THEME, theme);
    document.documentElement.dataset.theme = theme;
    draw();
    dispatchEvent(new CustomEvent("themed"));
  });
  draw();
  return button;
}

/** Where the platform signed in, the platform signs out. */
function leaveButton(signOut) {
  const content = [icon("leave"), h("span", { class: "unseen" }, "Sign out")];
  if (!credential() && hasPlatformSignIn())
    return h("a", { class: "icon-button", href: platformSignOut(), title: "Sign out" }, content);
  return h("button", { class: "icon-button", type: "button", title: "Sign out", on: { click: signOut } }, content);
}
