/**
 * Resolves public host names to local servers and trusts their certificates, as on AWS. Patches Node's modules, so that the code under
 * test needs no test mode.
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

/** Adds a certificate authority to the connections that name theirs. */
export function trustAuthority(certificate) {
  const original = tls.createSecureContext;
  tls.createSecureContext = (options) =>
    original(options?.ca ? { ...options, ca: [options.ca, certificate].flat() } : options);
}
