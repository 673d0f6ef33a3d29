// What a payload or a result looks like to people.

const SHOWN_CHARS_MAX = 100_000;

/** Text as it is, bytes in hexadecimal, anything else as JSON. */
export function readable(value) {
  if (value instanceof Uint8Array) {
    const hex = Array.from(value.subarray(0, 512), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    return `${value.length} bytes: ${hex}${value.length > 512 ? ' …' : ''}`;
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)} … (${text.length} characters)` : text;
}
