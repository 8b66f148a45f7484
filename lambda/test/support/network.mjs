/**
 * Lets code under test reach a local server by a public host name with its certificate verified, as it would on AWS. It is done to
 * Node's own modules, so that the code under test needs no switch for it.
 */
import dns from 'node:dns';
import tls from 'node:tls';

const local = new Set();
const originalLookup = dns.lookup;

dns.lookup = (hostname, options, callback) => {
  const done = typeof options === 'function' ? options : callback;
  if (!local.has(hostname)) return originalLookup(hostname, options, callback);
  const all = typeof options === 'object' && options?.all;
  process.nextTick(() => (all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)));
};

export function resolveLocally(hostname) {
  local.add(hostname);
}

/** Adds an authority to those that a connection names; a connection that names none is left alone. */
export function trustAuthority(certificate) {
  const original = tls.createSecureContext;
  tls.createSecureContext = (options) =>
    original(options?.ca ? { ...options, ca: [options.ca, certificate].flat() } : options);
}
