// The admin token: kept for this tab and no longer.

const KEY = 'acequia.admin-token';

// Storage may be refused; the token then lasts as long as the page.
let kept = null;

export function token() {
  try {
    return sessionStorage.getItem(KEY) ?? kept;
  } catch {
    return kept;
  }
}

/** @param {string | null} value null: forget it */
export function setToken(value) {
  kept = value;
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch {}
}
