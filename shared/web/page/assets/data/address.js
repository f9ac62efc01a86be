// What is looked at is in the address, so that it can be sent to somebody, and the back button works.

const DIMENSIONS = ["principal", "deployment", "model", "operation", "outcome", "label"];
const PERIOD = ["period", "from", "to"];

/** What the address says; what it does not say is "". */
export function asked() {
  const parameters = new URLSearchParams(location.search);
  return { view: "overview", period: "month", ...Object.fromEntries(parameters) };
}

/** The filters of an address, as our endpoints take them. */
export const filtersOf = (place) => pick(place, DIMENSIONS);

export const dimensions = () => DIMENSIONS;

/** An address that differs from this one by `changes`; "" or null takes away. */
export function linkTo(place, changes) {
  const merged = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...place, ...changes })) {
    if (value !== "" && value !== null && value !== undefined && !isDefault(name, value)) merged.set(name, value);
  }
  return merged.size ? `?${merged}` : location.pathname;
}

/** Another view of the same time and the same filters. */
export const viewLink = (place, view, changes = {}) =>
  linkTo({ ...pick(place, PERIOD), ...filtersOf(place) }, { view, ...changes });

export function goTo(link, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", link);
  else history.pushState(null, "", link);
  dispatchEvent(new CustomEvent("asked"));
}

/** Make links within the page change what is shown without loading it anew. */
export function followLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button || hasModifier(event) || !isWithin(link)) return;
    event.preventDefault();
    goTo(link.href);
  });
  addEventListener("popstate", () => dispatchEvent(new CustomEvent("asked", { detail: "back" })));
}

const hasModifier = (event) => event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;

const isWithin = (link) =>
  link.origin === location.origin &&
  link.pathname === location.pathname &&
  !link.hash &&
  !link.download &&
  !link.target;

const isDefault = (name, value) =>
  (name === "view" && value === "overview") || (name === "period" && value === "month");

const pick = (place, names) =>
  Object.fromEntries(names.filter((name) => place[name]).map((name) => [name, place[name]]));
