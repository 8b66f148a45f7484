/**
 * Measures the speed and memory of data-sync, beside `pg_dump | psql` between the same servers, both over TLS: blue's table
 * unchanged, and green's rows into a table with green's constraints and indexes.
 * `npm run bench -- 200000 1000000` sets the numbers of rows.
 */
import { execFileSync } from 'node:child_process';

import { postgres } from '../migrate/postgres.mjs';
import { applySchema } from '../test/support/schema.mjs';
import { fill, startSync } from '../test/support/sync.mjs';

const at = ({ settings, credentials }) => `--host=127.0.0.1 --port=${settings.port} --username=${credentials.user}`;

/**
 * The seconds of `pg_dump` from a server's table into a new database on green, in which `prepare(settings)` can create the
 * table.
 */
async function dumpAndLoad(from, { green }, options, prepare = async () => undefined) {
  await green.admin.query(`CREATE DATABASE copy OWNER ${green.credentials.user}`);
  await prepare({ ...green, settings: { ...green.settings, database: 'copy' } });
  await green.admin.query('CHECKPOINT');
  // The triggers call functions that aren't part of the dump: psql continues without them.
  const command = `pg_dump ${at(from)} --dbname=${from.settings.database} --table=payments --no-owner ${options} |
    psql ${at(green)} --dbname=copy --quiet --no-psqlrc --output=/dev/null 2>/dev/null`;
  const env = { ...process.env, PGSSLMODE: 'require', PGPASSWORD: from.credentials.password };
  const started = performance.now();
  execFileSync('bash', ['-c', `set -o pipefail; ${command}`], { env });
  const seconds = (performance.now() - started) / 1000;
  await green.admin.query('DROP DATABASE copy');
  return seconds;
}

async function measure(sync, rows) {
  await sync.clear();
  await sync.migrate();
  await fill(sync.blue, rows);
  const legacy = await dumpAndLoad(sync.blue, sync, '');
  await sync.green.admin.query('CHECKPOINT');
  const run = await sync.call({ action: 'run-once' }, { remainingMs: 900_000 });
  if (run.result?.copied !== rows) throw new Error(`expected ${rows} copied rows: ${JSON.stringify(run)}`);
  const started = performance.now();
  const verified = await sync.call({ action: 'verify' }, { remainingMs: 900_000 });
  const verifySeconds = (performance.now() - started) / 1000;
  if (verified.result?.differing !== 0) throw new Error(`green differs from blue: ${JSON.stringify(verified)}`);
  const copied = await dumpAndLoad(sync.green, sync, '--data-only', (copy) => applySchema(postgres, copy, 'green'));
  const { seconds, rowsPerSecond } = run.result;
  return {
    rows,
    'rows/s': rowsPerSecond,
    seconds: seconds.toFixed(1),
    'pg_dump of blue': `${legacy.toFixed(1)} (${(seconds / legacy).toFixed(1)} times)`,
    "into green's schema": `${copied.toFixed(1)} (${(seconds / copied).toFixed(1)} times)`,
    'peak MB': Math.round(run.peakMemoryKb / 1024),
    'verify s': verifySeconds.toFixed(1),
    'verify peak MB': Math.round(verified.peakMemoryKb / 1024),
  };
}

const sizes = process.argv.slice(2).map(Number);
const sync = await startSync();
try {
  const table = [];
  for (const rows of sizes.length > 0 ? sizes : [200_000, 1_000_000]) table.push(await measure(sync, rows));
  console.table(table);
} finally {
  await sync.stop();
}
