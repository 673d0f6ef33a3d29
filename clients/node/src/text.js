// Text for people, made to fit: valid UTF-8, and cut between two characters.

const encoder = new TextEncoder();

/**
 * `text` in at most `bytesMax` bytes of UTF-8. Half a surrogate pair becomes U+FFFD; no character is cut in two.
 *
 * @param {string} text @param {number} bytesMax
 */
export function utf8(text, bytesMax) {
  // No character of a string has less than one byte, so the rest of a long one need not be looked at.
  const bytes = new Uint8Array(Math.min(bytesMax, text.length * 3));
  const { written } = encoder.encodeInto(text, bytes);
  return bytes.subarray(0, written);
}
