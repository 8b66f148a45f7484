/** Packs a function as it is deployed, and loads its handler from the package. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const LAMBDA = fileURLToPath(new URL('../../', import.meta.url));
export const MIGRATIONS = fileURLToPath(new URL('../../../migrations/', import.meta.url));

const AWS_ENV = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

/** The module reads the environment when it is loaded: each load is a cold start. */
export async function loadFunction(name, env) {
  const manifest = JSON.parse(readFileSync(join(LAMBDA, 'functions.json'), 'utf8'))[name];
  const directory = mkdtempSync(join(tmpdir(), `${name}-`));
  const [folder] = manifest.handler.split('/');
  for (const part of [folder, 'lib']) cpSync(join(LAMBDA, part), join(directory, part), { recursive: true });
  // On Lambda the runtime contains the AWS SDK; here SDK and dependencies come from the development installation.
  symlinkSync(join(LAMBDA, 'node_modules'), join(directory, 'node_modules'));
  if (manifest.migrations) {
    cpSync(join(MIGRATIONS, manifest.migrations), join(directory, 'migrations', manifest.migrations), { recursive: true });
  }
  Object.assign(process.env, AWS_ENV, env);
  const [file, exported] = manifest.handler.split('.');
  const module = await import(pathToFileURL(join(directory, `${file}.mjs`)));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return { handler: module[exported], directory };
}

export const context = (remainingMs = 30_000) => {
  const end = Date.now() + remainingMs;
  return { awsRequestId: '0a0b0c0d-2222-4333-8444-a5b5c5d5e5f5', getRemainingTimeInMillis: () => end - Date.now() };
};

/** Captures standard output while `work` runs. */
export async function captureOutput(work) {
  const original = process.stdout.write;
  const written = [];
  process.stdout.write = (chunk, ...rest) => {
    written.push(String(chunk));
    return original.call(process.stdout, chunk, ...rest);
  };
  try {
    return { result: await work(), output: () => written.join('') };
  } finally {
    process.stdout.write = original;
  }
}
