// Nobody is signed in: how one can be.

import { h, replace } from "../parts/dom.js";
import { hasPlatformSignIn, keepCredential, platformSignIn } from "../data/session.js";

const HOW_A_PROGRAM_DOES = /: send a gateway key in .*/;

/** `message` says why an attempt was refused, "" where there was none. `done` looks again. */
export function signIn(message, done) {
  const field = h("input", {
    type: "password",
    id: "credential",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "credential-note credential-wrong",
    "aria-invalid": message ? "true" : null,
  });
  const wrong = h("p", { id: "credential-wrong", class: "wrong", role: "alert" }, message.replace(HOW_A_PROGRAM_DOES, ""));
  const submit = (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!/^[\x21-\x7e]+$/.test(text)) return replace(wrong, "Paste a key or a token: one word, without blanks.");
    keepCredential(text);
    done();
  };
  return h(
    "section",
    { class: "sign-in" },
    h("h1", { tabindex: "-1" }, "Who used what"),
    h("p", { class: "lead" }, "Every Azure OpenAI call, charged to the principal that made it."),
    hasPlatformSignIn() && h("a", { class: "button main", href: platformSignIn() }, "Sign in with Microsoft"),
    hasPlatformSignIn() && h("p", { class: "or" }, "or"),
    h(
      "form",
      { on: { submit }, novalidate: true },
      h("label", { for: "credential" }, "Gateway key or access token"),
      field,
      h(
        "p",
        { id: "credential-note", class: "note" },
        "Kept in this tab until you close it or sign out; sent to this ledger and nowhere else.",
      ),
      wrong,
      h("button", { class: hasPlatformSignIn() ? "button" : "button main", type: "submit" }, "Show my usage"),
    ),
  );
}
