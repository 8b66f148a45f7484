/** Shared by the test servers: programs, certificates, ports, processes. */
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { resolveLocally, trustAuthority } from './network.mjs';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

// Ends the server when this process ends for any reason: the pipe closes, and its reader kills the server.
const GUARD = `
  exec 3<&0
  signal=$1; shift
  "$@" </dev/null 3<&- & server=$!
  { read -r _ <&3; kill -$signal $server; } 2>/dev/null &
  wait $server`;

/** Throws if a program is missing; `packages` are the Debian packages to install. */
export function requirePrograms(names, packages) {
  const missing = names.filter((name) => {
    try {
      execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length > 0) {
    const list = packages.join(' and ');
    throw new Error(`${missing.join(', ')} not found: install the packages ${list} (apt-get install ${packages.join(' ')})`);
  }
}

/** Creates a folder for a server's files, owned by `owner` ({uid, gid}) if given. */
export function makeFolder(prefix, owner) {
  const directory = mkdtempSync(join(tmpdir(), `${prefix}-test-`));
  if (owner) chownSync(directory, owner.uid, owner.gid);
  return directory;
}

/** Writes server.pem, server.key and ca.pem for `host` to the folder. Resolves the host to this machine and trusts its authority. */
export function serveAs(host, directory, owner = {}) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe', ...owner });
  openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', '/CN=test authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl(
    'req', '-x509', ...NEW_KEY, '-days', '2', '-subj', '/CN=database', '-addext', `subjectAltName=DNS:${host}`,
    '-addext', 'basicConstraints=critical,CA:FALSE', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-keyout', 'server.key', '-out', 'server.pem',
  );
  resolveLocally(host);
  trustAuthority(readFileSync(join(directory, 'ca.pem'), 'utf8'));
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Starts a server that writes to `log` in its folder, and polls `isUp()` until it succeeds: {up: its result, stop}. `stop()` sends
 * `signal` and removes the folder.
 */
export async function startServer([program, ...args], { directory, cwd = directory, owner = {}, env = process.env, signal, isUp }) {
  const log = join(directory, 'log');
  const output = openSync(log, 'a');
  const options = { stdio: ['pipe', output, output], cwd, env, ...owner };
  const guard = spawn('sh', ['-c', GUARD, 'sh', signal, program, ...args], options);
  const ended = new Promise((resolve) => guard.once('close', resolve));
  const stop = async () => {
    guard.stdin.end();
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  let failure;
  for (let attempt = 0; attempt < 300 && guard.exitCode === null; attempt += 1) {
    try {
      return { up: await isUp(), stop };
    } catch (error) {
      failure = error;
      await pause(100);
    }
  }
  const logged = readFileSync(log, 'utf8');
  await stop();
  throw new Error(`${program} did not start (${failure?.message}):\n${logged}`);
}
