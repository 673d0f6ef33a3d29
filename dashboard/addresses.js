// Addresses and commands that a person can use as they are.

/** An address to dial: a server that listens on all of its addresses is reached by the name it was asked for. */
export const dialled = (address) => address.replace(/(^|\/\/)(0\.0\.0\.0|\[::\])(?=:)/, `$1${location.hostname}`);

/** The page at / of this server, wherever a proxy has put it; without a slash at its end. */
export const home = () => new URL('.', document.baseURI).href.replace(/\/$/, '');

/** A word for a shell, in quotes if it needs them. */
export const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The flags by which a worker finds its server. */
export const ends = ({ jobs, results }) => `--jobs ${quoted(dialled(jobs))} --results ${quoted(dialled(results))}`;

/** What this server says of itself: see docs/dashboard.md. */
export async function about() {
  const response = await fetch(new URL('v1/about', document.baseURI), { cache: 'no-store' });
  if (!response.ok) throw new Error(`the server says ${response.status} ${response.statusText}`);
  return response.json();
}

/** Puts a command beside its button that copies it. */
export function showCommand(code, words) {
  if (code.textContent !== words) code.textContent = words;
  code.nextElementSibling.dataset.copy = words;
}
