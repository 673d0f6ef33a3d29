// Buttons that copy a command: <button data-copy="…">, wherever and whenever they show up.

export function wireCopyButtons() {
  document.addEventListener('click', async ({ target }) => {
    const button = target.closest('[data-copy]');
    if (!button) return;
    const copied = await copy(button.dataset.copy);
    if (!copied) getSelection().selectAllChildren(button.previousElementSibling);
    button.textContent = copied ? 'Copied' : 'Selected';
    setTimeout(() => (button.textContent = 'Copy'), 1500);
  });
}

/** The clipboard is there on https and on localhost only, and may be refused. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
