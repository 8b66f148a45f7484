import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

export const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** The migrations of a directory, sorted: [{version, name, checksum, statements}]. `split` splits a file into statements. */
export async function readMigrations(directory, split) {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  if (names.length === 0) throw new Error(`there are no migrations in ${directory}`);
  const migrations = await Promise.all(names.map((name) => readMigration(directory, name, split)));
  const repeated = migrations.find(({ version }, index) => migrations[index - 1]?.version === version);
  if (repeated) throw new Error(`migration ${repeated.version} exists twice`);
  return migrations;
}

async function readMigration(directory, name, split) {
  const match = FILE_NAME.exec(name);
  if (!match) throw new Error(`${name} is not a valid name: expected 0001_what_it_does.sql`);
  const sql = await readFile(join(directory, name), 'utf8');
  const statements = split(sql);
  if (statements.length === 0) throw new Error(`${name} has no statement`);
  return { version: Number(match[1]), name, checksum: sha256(sql), statements };
}
