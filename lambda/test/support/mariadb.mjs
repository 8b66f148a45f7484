/** A private MariaDB with TLS, reachable by an invented RDS host name, for the tests that need a real database. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import mysql from 'mysql2/promise';

import { resolveLocally, trustAuthority } from './network.mjs';

export const HOST = 'payments.cluster-test.us-east-1.rds.amazonaws.com';
export const DATABASE = 'payments';
export const USER = 'payadmin';
export const PASSWORD = 'first-password';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const IS_ROOT = process.getuid() === 0;

export async function startMariaDb() {
  requirePrograms(['mariadbd', 'mariadb-install-db', 'openssl']);
  const directory = mkdtempSync(join(tmpdir(), 'mariadb-test-'));
  const authority = makeCertificates(directory);
  resolveLocally(HOST);
  trustAuthority(authority);

  const data = join(directory, 'data');
  const asUser = IS_ROOT ? ['--user=root'] : [];
  execFileSync(
    'mariadb-install-db',
    ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', ...asUser],
    { stdio: 'pipe' },
  );
  const port = await freePort();
  const socket = join(directory, 'socket');
  const log = openSync(join(directory, 'log'), 'a');
  const server = spawn(
    'mariadbd',
    [
      '--no-defaults', ...asUser, `--datadir=${data}`, `--socket=${socket}`, `--port=${port}`, '--bind-address=127.0.0.1',
      '--skip-name-resolve', '--require-secure-transport=ON', '--tls-version=TLSv1.2,TLSv1.3', '--innodb-buffer-pool-size=32M',
      `--ssl-ca=${join(directory, 'ca.pem')}`, `--ssl-cert=${join(directory, 'server.pem')}`, `--ssl-key=${join(directory, 'server.key')}`,
    ],
    { stdio: ['ignore', log, log] },
  );
  const stopped = new Promise((resolve) => server.once('exit', resolve));

  const admin = await connectWhenUp(socket, server, join(directory, 'log'));
  await admin.query("DELETE FROM mysql.global_priv WHERE User = ''");
  await admin.query(`CREATE DATABASE ${DATABASE}`);
  await admin.query('CREATE USER ?@? IDENTIFIED BY ?', [USER, '%', PASSWORD]);
  await admin.query(`GRANT ALL ON ${DATABASE}.* TO ?@?`, [USER, '%']);
  await admin.query('GRANT CREATE USER ON *.* TO ?@?', [USER, '%']);
  await admin.query('FLUSH PRIVILEGES');
  await admin.query(`USE ${DATABASE}`);

  return {
    env: { DB_HOST: HOST, DB_PORT: String(port), DB_NAME: DATABASE },
    settings: { host: HOST, port, database: DATABASE },
    /** A connection as root, past the function under test. */
    admin,
    async rows(sql, values) {
      return (await admin.query(sql, values))[0];
    },
    async stop() {
      admin.destroy();
      // Its data is thrown away: an orderly shutdown would only wait for connections.
      server.kill('SIGKILL');
      await stopped;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function requirePrograms(names) {
  const missing = names.filter((name) => {
    try {
      execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length > 0) {
    throw new Error(`${missing.join(', ')} not found: install the packages mariadb-server and openssl (apt-get install mariadb-server openssl)`);
  }
}

function makeCertificates(directory) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', '/CN=test authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl(
    'req', '-x509', ...NEW_KEY, '-days', '2', '-subj', '/CN=database', '-addext', `subjectAltName=DNS:${HOST}`,
    '-addext', 'basicConstraints=critical,CA:FALSE', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-keyout', 'server.key', '-out', 'server.pem',
  );
  return readFileSync(join(directory, 'ca.pem'), 'utf8');
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function connectWhenUp(socket, server, log) {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (server.exitCode !== null) break;
    try {
      return await mysql.createConnection({ socketPath: socket, user: 'root' });
    } catch {
      await pause(100);
    }
  }
  server.kill();
  throw new Error(`mariadbd did not start:\n${readFileSync(log, 'utf8')}`);
}
