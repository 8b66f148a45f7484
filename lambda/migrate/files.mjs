import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

export const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** The migrations of a directory in their order: [{version, name, checksum, statements}]. */
export async function readMigrations(directory) {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  if (names.length === 0) throw new Error(`there are no migrations in ${directory}`);
  const migrations = await Promise.all(names.map((name) => readMigration(directory, name)));
  const repeated = migrations.find(({ version }, index) => migrations[index - 1]?.version === version);
  if (repeated) throw new Error(`migration ${repeated.version} is there twice`);
  return migrations;
}

async function readMigration(directory, name) {
  const match = FILE_NAME.exec(name);
  if (!match) throw new Error(`${name} is not named like 0001_what_it_does.sql`);
  const sql = await readFile(join(directory, name), 'utf8');
  const statements = splitStatements(sql);
  if (statements.length === 0) throw new Error(`${name} has no statement`);
  return { version: Number(match[1]), name, checksum: sha256(sql), statements };
}

// Comments, quoted things, the end of a statement, anything else: whichever begins at a position.
const TOKEN = /--(?=\s|$)[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"|`(?:[^`]|``)*`|;|[\s\S]/g;

/** Splits a file at its semicolons, those in comments and quotes excepted, and drops the comments. */
export function splitStatements(sql) {
  const statements = [''];
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ';') statements.push('');
    else if (!/^(?:--|#|\/\*)./s.test(token)) statements[statements.length - 1] += token;
  }
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '');
}
