/**
 * Calls the function data-sync in a separate process, which a test can kill, and sends {result} or {error}. Its argument is
 * JSON: {event, remainingMs, hosts: [{host, authority (the certificate's path)}]}.
 */
import { readFileSync } from 'node:fs';

import { resolveLocally, trustAuthority } from './network.mjs';

const { event, remainingMs, hosts } = JSON.parse(process.argv[2]);
for (const { host, authority } of hosts) {
  resolveLocally(host);
  trustAuthority(readFileSync(authority, 'utf8'));
}
const { handler } = await import('../../data-sync/index.mjs');
const end = Date.now() + remainingMs;
const answer = await handler(event, { awsRequestId: 'in-process', getRemainingTimeInMillis: () => end - Date.now() }).then(
  (result) => ({ result }),
  (error) => ({ error: error.message }),
);
process.send({ ...answer, peakMemoryKb: process.resourceUsage().maxRSS }, () => process.disconnect());
