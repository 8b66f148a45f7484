/**
 * PostgreSQL array literals of one member of many objects. The driver can write them too, but its type conversion takes
 * several times as long for millions of values.
 */
const NEEDS_ESCAPE = /["\\]/;

/** For values without characters to escape: numbers, ids, times, words. */
export function unquoted(objects, name) {
  let list = '';
  for (const object of objects) list += `${list === '' ? '' : ','}${object[name] ?? 'NULL'}`;
  return `{${list}}`;
}

/** For any text. */
export function quoted(objects, name) {
  let list = '';
  for (const object of objects) {
    const value = object[name];
    if (list !== '') list += ',';
    if (value === null) list += 'NULL';
    else list += NEEDS_ESCAPE.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : `"${value}"`;
  }
  return `{${list}}`;
}
