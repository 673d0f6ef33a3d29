// The admin token: kept for this tab and no longer. The address that a server prints at its start has it
// behind the `#`, which no browser sends anywhere.

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

/** Takes the token out of the address: what stays there is seen, copied and kept in the history. */
function takeFromAddress() {
  const shown = new URLSearchParams(location.hash.slice(1)).get('token');
  if (!shown) return false;
  history.replaceState(history.state, '', location.pathname + location.search);
  setToken(shown);
  return true;
}

takeFromAddress();
// Into a tab that shows the dashboard already.
addEventListener('hashchange', () => {
  if (takeFromAddress()) location.reload();
});
