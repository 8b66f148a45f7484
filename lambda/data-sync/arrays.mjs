/**
 * Arrays as PostgreSQL reads them, of one member of many objects. The driver can make them too, one value after the
 * other through all that it knows about types; for the millions of values here that takes several times as long.
 */
const NEEDS_ESCAPE = /["\\]/;

/** For values that have nothing to escape: numbers, ids, times, words. */
export function unquoted(objects, name) {
  let list = '';
  for (const object of objects) list += `${list === '' ? '' : ','}${object[name] ?? 'NULL'}`;
  return `{${list}}`;
}

/** For texts of any kind. */
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
