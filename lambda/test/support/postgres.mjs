/** Local PostgreSQL servers with TLS under fictitious RDS host names. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import pg from 'pg';

import { types } from '../../lib/postgres.mjs';
import { freePort, makeFolder, requirePrograms, serveAs, startServer } from './server.mjs';

export const DATABASE = 'payments';
export const USER = 'payadmin';
export const PASSWORD = 'first-password';

/** Debian doesn't put the server programs on the PATH. */
const DEBIAN = '/usr/lib/postgresql';

/** Requires TLS and a password, as RDS with rds.force_ssl. */
const ACCESS = `
local   all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
`;

/** Faster without durability: the data is discarded. */
const NOT_DURABLE = [
  'fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'shared_buffers=32MB', 'max_connections=50', 'max_prepared_transactions=4',
];

/** Starts a server with an empty database; several can run under different names. */
export async function startPostgres(name = 'payments') {
  addToPath();
  requirePrograms(['initdb', 'postgres', 'openssl'], ['postgresql', 'openssl']);
  const host = `${name}.cluster-test.eu-central-1.rds.amazonaws.com`;
  const owner = serverUser();
  const directory = makeFolder('postgres', owner);
  serveAs(host, directory, owner);

  const data = join(directory, 'data');
  const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' };
  execFileSync('initdb', [`--pgdata=${data}`, '--username=postgres', '--auth=trust', '--encoding=UTF8', '--no-sync'], {
    stdio: 'pipe',
    cwd: directory,
    env,
    ...owner,
  });
  writeFileSync(join(data, 'pg_hba.conf'), ACCESS);
  const port = await freePort();
  const settings = [
    'listen_addresses=127.0.0.1', `port=${port}`, `unix_socket_directories=${directory}`, 'ssl=on', 'ssl_min_protocol_version=TLSv1.2',
    `ssl_cert_file=${join(directory, 'server.pem')}`, `ssl_key_file=${join(directory, 'server.key')}`, ...NOT_DURABLE,
  ];
  const connectAsSuperuser = async (database) => {
    const client = new pg.Client({ host: directory, port, user: 'postgres', database, types, options: '-c timezone=UTC' });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const { up: first, stop } = await startServer(['postgres', '-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    directory,
    owner,
    env,
    // Ends without a checkpoint, but releases its shared memory.
    signal: 'QUIT',
    isUp: () => connectAsSuperuser('postgres'),
  });

  // As on RDS: the owner of the database isn't a superuser, but can see other sessions.
  await first.query(`CREATE ROLE ${USER} LOGIN CREATEDB PASSWORD '${PASSWORD}'`);
  await first.query(`GRANT pg_monitor, pg_signal_backend TO ${USER}`);
  await first.query(`CREATE DATABASE ${DATABASE} OWNER ${USER}`);
  await first.end();
  const admin = await connectAsSuperuser(DATABASE);

  return {
    env: { DB_ENGINE: 'postgres', DB_HOST: host, DB_PORT: String(port), DB_NAME: DATABASE },
    settings: { host, port, database: DATABASE },
    credentials: { user: USER, password: PASSWORD },
    /** The path of the server's certificate authority, for other processes. */
    authority: join(directory, 'ca.pem'),
    /** A connection as superuser. */
    admin,
    async rows(sql, values) {
      return (await admin.query(sql, values)).rows;
    },
    /** Empties the database. */
    async clear() {
      await admin.query(`DROP OWNED BY ${USER} CASCADE`);
    },
    async stop() {
      await admin.end().catch(() => undefined);
      await stop();
    },
  };
}

function addToPath() {
  if (!existsSync(DEBIAN)) return;
  const versions = readdirSync(DEBIAN).sort((one, other) => Number(other) - Number(one));
  const folders = versions.map((version) => join(DEBIAN, version, 'bin'));
  const known = process.env.PATH.split(delimiter);
  process.env.PATH = [...known, ...folders.filter((folder) => !known.includes(folder))].join(delimiter);
}

/** PostgreSQL doesn't run as root: uses another user. */
function serverUser() {
  if (process.getuid() !== 0) return undefined;
  const id = (flag, user) => Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: 'pipe' }));
  const user = ['postgres', 'nobody'].find((name) => {
    try {
      return id('-u', name) > 0;
    } catch {
      return false;
    }
  });
  if (user === undefined) throw new Error('PostgreSQL does not run as root: add a user postgres or nobody');
  return { uid: id('-u', user), gid: id('-g', user) };
}
