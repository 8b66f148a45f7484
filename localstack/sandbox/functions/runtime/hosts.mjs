// Redirects a function's connections to AWS host names, those of databases for example, to loopback addresses.
//
// All layers above the connection, TLS server name and certificate check included, see the original name. So function
// code doesn't have to know whether it runs in the sandbox.

import { createRequire, syncBuiltinESMExports } from 'node:module';

// Only the CommonJS exports of the built-in modules can be changed. The ES exports are synchronised with them below.
const require = createRequire(import.meta.url);
const dns = require('node:dns');
const net = require('node:net');
const tls = require('node:tls');

export function redirectHosts() {
  let table = {};
  let authorities = [];

  const find = (name, port) => {
    if (typeof name !== 'string') return undefined;
    const host = name.toLowerCase().replace(/\.$/, '');
    return table[`${host}:${port}`] ?? table[host];
  };

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
    // net.connect() passes its arguments as one normalised array: [options, callback].
    const normalised = Array.isArray(args[0]) ? args[0] : null;
    const first = normalised ? normalised[0] : args[0];
    const isOptions = typeof first === 'object' && first !== null;
    const name = isOptions ? first.host : args[1];
    const target = find(name, isOptions ? first.port : args[0]);
    if (!target) return connect.apply(this, args);

    const options = { ...(isOptions ? first : {}), host: target.host, port: target.port };
    const listener = normalised ? normalised[1] : args.find((argument) => typeof argument === 'function');
    const socket = connect.call(this, options, ...(listener ? [listener] : []));
    // TLS over an existing socket verifies this name if none is given.
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
    // `ca` replaces the default roots, so they have to be repeated.
    const trusted = options.ca === undefined ? tls.rootCertificates : [options.ca].flat();
    return createSecureContext({ ...options, ca: [...trusted, ...extra] });
  };
}
