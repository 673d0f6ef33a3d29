// JSON as it was written. JSON.parse would make 9007199254740992 of 9007199254740993, 1 of 1.0, 0 of
// -0 and Infinity of 1e400, keep one of two equal keys and put 1 before 0; a person who looks for a
// fault has to see what is really there. For text that is known to be JSON: it came from the server.

const SHOWN_CHARS_MAX = 100_000;

const [QUOTE, BACKSLASH, COMMA, COLON] = ['"', '\\', ',', ':'].map((sign) => sign.charCodeAt(0));
const [OPEN_ARRAY, OPEN_OBJECT, CLOSE_ARRAY, CLOSE_OBJECT] = ['[', '{', ']', '}'].map((sign) => sign.charCodeAt(0));

const isSpace = (code) => code === 0x20 || (code >= 0x09 && code <= 0x0d);
const isOpen = (code) => code === OPEN_ARRAY || code === OPEN_OBJECT;
const isClose = (code) => code === CLOSE_ARRAY || code === CLOSE_OBJECT;

/** Each piece of `text` that is not space: a string, a number or a word, or one of []{},: */
function* pieces(text) {
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (isSpace(code)) {
      at += 1;
      continue;
    }
    const end = code === QUOTE ? endOfString(text, at) : isSign(code) ? at + 1 : endOfWord(text, at);
    yield { code, at, end };
    at = end;
  }
}

const isSign = (code) => isOpen(code) || isClose(code) || code === COMMA || code === COLON;

function endOfString(text, start) {
  let at = start + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    at += code === BACKSLASH ? 2 : 1;
  }
  return text.length;
}

function endOfWord(text, start) {
  let at = start + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (isSign(code) || isSpace(code)) break;
    at += 1;
  }
  return at;
}

/** The fields of an object, each as its own text. @returns {Map<string, string>} */
export function members(text) {
  const found = new Map();
  let [depth, key, from] = [0, null, 0];
  for (const { code, at, end } of pieces(text)) {
    if (isOpen(code)) depth += 1;
    else if (isClose(code)) depth -= 1;
    const closes = depth === 0 && isClose(code);
    if (key !== null && (closes || (depth === 1 && code === COMMA))) {
      found.set(key, text.slice(from, at).trim());
      key = null;
    } else if (key === null && depth === 1 && code === QUOTE) key = JSON.parse(text.slice(at, end));
    else if (key !== null && depth === 1 && code === COLON) from = end;
  }
  return found;
}

/** The same JSON on lines of its own; what is longer than can be read is cut, and says so. */
export function indented(text) {
  const lines = [];
  let [depth, length, before] = [0, 0, null];
  const add = (words) => {
    lines.push(words);
    length += words.length;
  };
  const newLine = () => add(`\n${'  '.repeat(depth)}`);
  for (const { code, at, end } of pieces(text)) {
    if (isClose(code)) {
      depth -= 1;
      if (!isOpen(before)) newLine();
    } else if (isOpen(before) || before === COMMA) newLine();
    if (isOpen(code)) depth += 1;
    add(code === COLON ? ': ' : text.slice(at, end));
    before = code;
    if (length > SHOWN_CHARS_MAX) break;
  }
  return cut(lines.join(''), text.length);
}

/** A value for people: a string as its text, anything else as it was written. */
export function legible(source) {
  if (!source.startsWith('"')) return indented(source);
  const text = JSON.parse(source);
  return cut(text, text.length);
}

const cut = (text, whole) => (text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)} … (${whole} characters)` : text);
