// The few drawings there are. Each stands beside a word, or in a button that has a name.

import { svg } from "./dom.js";

const PATHS = {
  mark: "M6 7h12M6 12h12M6 17h7",
  sun:
    "M12 4V2M12 22v-2M4 12H2M22 12h-2M6.3 6.3 4.9 4.9M19.1 19.1l-1.4-1.4M6.3 17.7l-1.4 1.4M19.1 4.9l-1.4 1.4" +
    "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  leave: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  good: "M5 12.5l4.5 4.5L19 7.5",
  bad: "M7 7l10 10M17 7 7 17",
  warn: "M12 6v7M12 17.5v.5",
  soft: "M8 12h8",
  up: "M7 14l5-5 5 5",
  down: "M7 10l5 5 5-5",
  save: "M12 4v11M7.5 10.5 12 15l4.5-4.5M5 20h14",
  again: "M20 12a8 8 0 1 1-2.4-5.7M20 4v4h-4",
};

export const icon = (name) =>
  svg(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" },
    svg("path", {
      d: PATHS[name],
      fill: "none",
      stroke: "currentColor",
      "stroke-width": "2",
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
    }),
  );
