/** A local MariaDB with TLS under a fictitious RDS host name. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import mysql from 'mysql2/promise';

import { freePort, makeFolder, requirePrograms, serveAs, startServer } from './server.mjs';

export const HOST = 'payments.cluster-test.us-east-1.rds.amazonaws.com';
export const DATABASE = 'payments';
export const USER = 'payadmin';
export const PASSWORD = 'first-password';

const IS_ROOT = process.getuid() === 0;

export async function startMariaDb() {
  requirePrograms(['mariadbd', 'mariadb-install-db', 'openssl'], ['mariadb-server', 'openssl']);
  const directory = makeFolder('mariadb');
  serveAs(HOST, directory);

  const data = join(directory, 'data');
  const asUser = IS_ROOT ? ['--user=root'] : [];
  execFileSync(
    'mariadb-install-db',
    ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', ...asUser],
    { stdio: 'pipe' },
  );
  const port = await freePort();
  const socket = join(directory, 'socket');
  const { up: admin, stop } = await startServer(
    [
      'mariadbd', '--no-defaults', ...asUser, `--datadir=${data}`, `--socket=${socket}`, `--port=${port}`, '--bind-address=127.0.0.1',
      '--skip-name-resolve', '--require-secure-transport=ON', '--tls-version=TLSv1.2,TLSv1.3', '--innodb-buffer-pool-size=32M',
      `--ssl-ca=${join(directory, 'ca.pem')}`, `--ssl-cert=${join(directory, 'server.pem')}`, `--ssl-key=${join(directory, 'server.key')}`,
    ],
    // The data is discarded: an orderly shutdown would wait for connections.
    { directory, signal: 'KILL', isUp: () => mysql.createConnection({ socketPath: socket, user: 'root' }) },
  );
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
    credentials: { user: USER, password: PASSWORD },
    /** A connection as root. */
    admin,
    async rows(sql, values) {
      return (await admin.query(sql, values))[0];
    },
    async stop() {
      admin.destroy();
      await stop();
    },
  };
}
