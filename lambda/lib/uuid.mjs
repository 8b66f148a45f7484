import { createHash } from 'node:crypto';

/** Returns a function that maps a name to its UUID version 5 (RFC 9562) in the namespace. */
export function uuidsIn(namespace) {
  const prefix = Buffer.from(namespace.replaceAll('-', ''), 'hex');
  return (name) => {
    const bytes = createHash('sha1').update(prefix).update(name, 'utf8').digest();
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = bytes.toString('hex', 0, 16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}
