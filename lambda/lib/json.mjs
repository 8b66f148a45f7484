/**
 * The parsed value, or undefined where the text is not JSON.
 *
 * JSON.parse quotes a piece of the text in its error message, and the texts parsed here hold credentials or whatever
 * a client sent: that message must reach neither a log nor a response.
 */
export function tryParseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isPlainObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** JSON with the members of every object in one order, so that equal values give equal texts. */
export function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isPlainObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  return `{${members.join(',')}}`;
}
