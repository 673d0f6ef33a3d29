// The button that has the demo kill one of its worker processes.

/**
 * @param {HTMLButtonElement} button @param {HTMLElement} news a live region
 * @param {() => Promise<void>} busy resolves once a worker has something to lose
 */
export function wireKill(button, news, busy) {
  let asking = false;
  button.addEventListener('click', async () => {
    if (asking) return; // one at a time
    asking = true;
    button.setAttribute('aria-disabled', 'true');
    try {
      await busy();
      news.textContent = await kill();
    } catch (error) {
      news.textContent = `No worker was killed: ${error.message}`;
    }
    button.removeAttribute('aria-disabled');
    asking = false;
  });
}

async function kill() {
  const response = await fetch(new URL('v1/demo/kill', document.baseURI), { method: 'POST' });
  if (!response.ok) throw new Error((await response.text()).trim());
  const { worker } = await response.json();
  return `${worker} was killed. A new process takes its place.`;
}
