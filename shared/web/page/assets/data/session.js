// Who is signed in: by the platform's cookie, or with a credential that somebody pasted.

const HELD = "aoai-ledger.credential";
const READ_ALL = "Usage.Read.All";
const ACCEPT_FINDINGS = "Findings.Accept.All";

// Kept for this tab until it is closed, and never in an address or in a cookie.
export const credential = () => sessionStorage.getItem(HELD);
export const keepCredential = (text) => sessionStorage.setItem(HELD, text);
export const forgetCredential = () => sessionStorage.removeItem(HELD);

/** The header that shows it. The platform's own sign-in looks at bearers, and does not know our keys. */
export function credentialHeader() {
  const text = credential();
  if (!text) return {};
  return text.split(".").length === 3 ? { authorization: `Bearer ${text}` } : { "api-key": text };
}

export const hasPlatformSignIn = () => document.documentElement.dataset.signIn === "easy-auth";

/** Where the platform signs in, and comes back to what was asked for. */
export const platformSignIn = () => `/.auth/login/aad?post_login_redirect_uri=${here()}`;
export const platformSignOut = () => `/.auth/logout?post_logout_redirect_uri=${encodeURIComponent(location.pathname)}`;

const here = () => encodeURIComponent(location.pathname + location.search);

/** What the page may offer whom `usage/page/me` names. */
export function viewer(caller) {
  return {
    name: caller.name || caller.object_id,
    principal: `${caller.tenant_id}/${caller.object_id}`,
    seesAll: caller.roles.includes(READ_ALL),
    acceptsFindings: caller.roles.includes(ACCEPT_FINDINGS),
  };
}
