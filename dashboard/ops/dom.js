// Elements, made and changed. All that comes from the server is set as text: the names of workers and
// queues, and what jobs say, are whatever somebody wanted them to be.

/**
 * @param {string} tag
 * @param {object} [properties] `class`, `on` (listeners by event), `aria-…`, `data-…`, `role` and other
 *   attributes with a dash; the rest are properties of the element
 * @param {...(Node | string | null)} children
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value == null) continue;
    if (name === 'class') element.className = value;
    else if (name === 'on') for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name.includes('-') || name === 'role' || name === 'for' || name === 'colspan') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Sets what differs: what is set anew is painted and read out anew. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value == null) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Not `disabled`, which would take the focus away from who just pressed it. */
export const setDisabled = (button, disabled) => setAttribute(button, 'aria-disabled', disabled ? 'true' : null);
export const isDisabled = (button) => button.getAttribute('aria-disabled') === 'true';

/**
 * Makes the children of `parent` those of `items`, each made once by `make(item)`, which returns
 * `{ element, update(item, n) }`, and kept by its key. What stays in its place is not touched, so that
 * it keeps the focus.
 */
export function keyedList(parent, keyOf, make) {
  let parts = new Map();
  return (items) => {
    const keys = items.map(keyOf);
    const next = new Map(keys.map((key, n) => [key, parts.get(key) ?? make(items[n])]));
    for (const [key, { element }] of parts) if (!next.has(key)) element.remove();
    let place = parent.firstElementChild;
    keys.forEach((key, n) => {
      const { element, update } = next.get(key);
      update(items[n], n);
      if (element === place) place = place.nextElementSibling;
      else parent.insertBefore(element, place);
    });
    parts = next;
  };
}

/** The options of a choice: `all` and `names`, and what is chosen even if it is none of them. */
export function chooseAmong(select, names, chosen) {
  const all = chosen === null || names.includes(chosen) ? names : [...names, chosen].sort();
  const now = ['', ...all];
  const before = Array.from(select.options, ({ value }) => value);
  if (now.length !== before.length || now.some((name, n) => name !== before[n])) {
    select.replaceChildren(el('option', { value: '' }, 'All queues'), ...all.map((name) => el('option', { value: name }, name)));
  }
  if (select.value !== (chosen ?? '')) select.value = chosen ?? '';
}
