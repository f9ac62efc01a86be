// What somebody was at stays under their hands when a view is drawn anew: the focus, and the place on the screen.

let wanted = null;

/** Watch a view being filled: what had the focus comes back when it is there again. */
export function watchFocus(main) {
  new MutationObserver(() => {
    if (!main.querySelector(".skeleton")) main.style.minHeight = "";
    const found = wanted && main.querySelector(`[data-focus="${CSS.escape(wanted)}"]`);
    found?.focus({ preventScroll: true });
  }).observe(main, { childList: true, subtree: true });
  // It is there again, or somebody has gone on meanwhile.
  addEventListener("focusin", () => (wanted = null));
}

/** Say, before a view is drawn anew, that it is the same one. Returns whether what had the focus comes back. */
export function keepFocus(main) {
  wanted = document.activeElement?.dataset?.focus ?? null;
  // A view that is grey for a moment is lower: without this it would jump.
  if (wanted) main.style.minHeight = `${main.offsetHeight}px`;
  return wanted !== null;
}
