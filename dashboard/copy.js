// Buttons that copy a command: <button data-copy="…">.

export function wireCopyButtons() {
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.addEventListener('click', async () => {
      const copied = await copy(button.dataset.copy);
      if (!copied) getSelection().selectAllChildren(button.previousElementSibling);
      button.textContent = copied ? 'Copied' : 'Selected';
      setTimeout(() => (button.textContent = 'Copy'), 1500);
    });
  }
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
