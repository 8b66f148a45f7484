// Lets a function reach the sandbox's stand-ins (a database, say) under their AWS host names.
//
// The connection goes to the mapped loopback address while everything above it, TLS server name and
// certificate check included, still sees the name the function asked for. So function code needs no
// "am I in the sandbox" switch.

import { createRequire, syncBuiltinESMExports } from 'node:module';

// The CommonJS view of the built-in modules can be changed; the ES one follows it on request.
const require = createRequire(import.meta.url);
const dns = require('node:dns');
const net = require('node:net');
const tls = require('node:tls');

export function redirectHosts() {
  let table = {};
  let authorities = [];

  const find = (name) => (typeof name === 'string' ? table[name.toLowerCase().replace(/\.$/, '')] : undefined);

  redirectConnections(find);
  redirectLookups(find);
  trustMore(() => authorities);
  syncBuiltinESMExports();

  return {
    update(hosts) {
      table = Object.fromEntries(Object.entries(hosts ?? {}).map(([name, entry]) => [name.toLowerCase(), entry]));
      authorities = [...new Set(Object.values(table).map((entry) => entry.ca).filter(Boolean))];
    },
  };
}

function redirectConnections(find) {
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...args) {
    // net.connect() hands over its arguments as one already normalised array: [options, callback].
    const normalised = Array.isArray(args[0]) ? args[0] : null;
    const first = normalised ? normalised[0] : args[0];
    const isOptions = typeof first === 'object' && first !== null;
    const name = isOptions ? first.host : args[1];
    const target = find(name);
    if (!target) return connect.apply(this, args);

    const options = { ...(isOptions ? first : {}), host: target.host, port: target.port };
    const listener = normalised ? normalised[1] : args.find((argument) => typeof argument === 'function');
    const socket = connect.call(this, options, ...(listener ? [listener] : []));
    // TLS over an existing socket takes the name to verify from here when none is given.
    socket._host = name;
    return socket;
  };
}

function redirectLookups(find) {
  const { lookup } = dns;
  dns.lookup = (name, options, callback) => {
    const target = find(name);
    if (!target) return lookup(name, options, callback);
    return lookup(target.host, options, callback);
  };
  const { lookup: promised } = dns.promises;
  dns.promises.lookup = (name, options) => promised(find(name)?.host ?? name, options);
}

function trustMore(authorities) {
  const { createSecureContext } = tls;
  tls.createSecureContext = (options = {}) => {
    const extra = authorities();
    if (extra.length === 0) return createSecureContext(options);
    // Giving `ca` replaces the roots that are trusted otherwise, so they have to be named again.
    const trusted = options.ca === undefined ? tls.rootCertificates : [options.ca].flat();
    return createSecureContext({ ...options, ca: [...trusted, ...extra] });
  };
}
