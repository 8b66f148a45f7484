/** A sandbox (see localstack/README.md) for the tests that need more of AWS than a fake has: its DynamoDB keeps what is written. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeFolder, startServer } from './server.mjs';

const LOCALSTACK = fileURLToPath(new URL('../../../localstack/', import.meta.url));
const READY = /^ready port=(\d+) .*\n/m;

export async function startSandbox() {
  const directory = makeFolder('sandbox');
  const command = ['-m', 'sandbox', '--port', '0', '--front-door-port', '0', '--time-scale', '0', '--data-dir', join(directory, 'data')];
  // Nothing of the functions' settings, and its calls to itself go through no proxy.
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  const direct = '127.0.0.1,localhost';
  const { up: port, stop } = await startServer([python(), ...command], {
    directory,
    cwd: LOCALSTACK,
    env: { ...Object.fromEntries(others), PYTHONDONTWRITEBYTECODE: '1', NO_PROXY: direct, no_proxy: direct },
    signal: 'TERM',
    isUp: () => readyPort(join(directory, 'log')),
  });
  const url = `http://127.0.0.1:${port}`;
  return { env: { AWS_ENDPOINT_URL: url }, url, stop };
}

function readyPort(log) {
  const match = READY.exec(readFileSync(log, 'utf8'));
  if (!match) throw new Error('it is not ready');
  return Number(match[1]);
}

/** ./test names the Python that has what the sandbox needs; without it an environment is made, once, under target/. */
function python() {
  const make = () => execFileSync(join(LOCALSTACK, 'environment'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  return process.env.SANDBOX_PYTHON || make();
}
