/** Starts a sandbox (see localstack/README.md), for tests that need a DynamoDB which stores items. */
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
  // Without the functions' settings, and without a proxy for its own calls.
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
  if (!match) throw new Error('the sandbox is not ready');
  return Number(match[1]);
}

/** The Python from SANDBOX_PYTHON, or else from an environment under target/, created on first use. */
function python() {
  const make = () => execFileSync(join(LOCALSTACK, 'environment'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  return process.env.SANDBOX_PYTHON || make();
}
