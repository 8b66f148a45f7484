import { ChangeResourceRecordSetsCommand, ListResourceRecordSetsCommand } from '@aws-sdk/client-route-53';

import { converge, Unrecoverable } from './converge.mjs';
import { WEIGHTS } from './weights.mjs';

/** Moves the DNS weights to blue and returns {hostedZoneId, changed, from: [{name, type, setIdentifier, environment, weight}]}. */
export async function moveDnsToBlue(route53, dns, timing) {
  const { found, written } = await converge(
    {
      read: () => readRecords(route53, dns, timing.call),
      isDesired: ({ environment, recordSet }) => recordSet.Weight === WEIGHTS[environment],
      // Writes all records, so that the batch is consistent whatever others write at the same time.
      write: (_differing, records) => writeWeights(route53, dns.hostedZoneId, records, timing.call),
    },
    timing,
  );
  return {
    hostedZoneId: dns.hostedZoneId,
    changed: written,
    from: found.map(({ environment, recordSet }) => ({
      name: recordSet.Name,
      type: recordSet.Type,
      setIdentifier: recordSet.SetIdentifier,
      environment,
      weight: recordSet.Weight,
    })),
  };
}

/** The form of names in Route 53's responses: lower case, trailing dot, wildcards in octal. */
const canonicalName = (name) => `${name.toLowerCase().replace(/\.$/, '').replaceAll('*', '\\052')}.`;

const hasNameAndType = (recordSet, { name, type }) => recordSet?.Name === canonicalName(name) && recordSet.Type === type;

async function readRecords(route53, { hostedZoneId, records }, call) {
  const listed = new Map();
  for (const record of records) {
    const key = `${canonicalName(record.name)} ${record.type}`;
    // Route 53 allows five requests a second per account: records of one name are read together.
    if (!listed.has(key)) listed.set(key, await listRecordSets(route53, hostedZoneId, record, call));
  }
  return records.map((record) => ({
    environment: record.environment,
    recordSet: findRecordSet(listed.get(`${canonicalName(record.name)} ${record.type}`), record),
  }));
}

/** All record sets of a name and type; weighted ones differ in their set identifier. */
async function listRecordSets(route53, hostedZoneId, record, call) {
  const found = [];
  let start = { StartRecordName: canonicalName(record.name), StartRecordType: record.type };
  while (start !== undefined) {
    const page = await route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: hostedZoneId, ...start }), call);
    const matching = (page.ResourceRecordSets ?? []).filter((recordSet) => hasNameAndType(recordSet, record));
    found.push(...matching);
    const hasMore = page.IsTruncated && page.NextRecordName === canonicalName(record.name) && page.NextRecordType === record.type;
    start = hasMore
      ? {
          StartRecordName: page.NextRecordName,
          StartRecordType: page.NextRecordType,
          StartRecordIdentifier: page.NextRecordIdentifier,
        }
      : undefined;
  }
  return found;
}

function findRecordSet(recordSets, { name, type, setIdentifier }) {
  const recordSet = recordSets.find(({ SetIdentifier }) => SetIdentifier === setIdentifier);
  // Green must not get 0 without blue's record: if all weights are 0, Route 53 answers with all records equally.
  if (recordSet === undefined) throw new Unrecoverable(`no record ${name} ${type} ${setIdentifier}`);
  if (recordSet.Weight === undefined) throw new Unrecoverable(`record ${name} ${type} ${setIdentifier} has no weight`);
  return recordSet;
}

/** One atomic batch, blue first: the weights are never all zero. Changes only the weights. */
async function writeWeights(route53, hostedZoneId, records, call) {
  const blueFirst = [...records].sort((a, b) => a.environment.localeCompare(b.environment));
  await route53.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: hostedZoneId,
      ChangeBatch: {
        Comment: 'failback to blue',
        Changes: blueFirst.map(({ environment, recordSet }) => ({
          Action: 'UPSERT',
          ResourceRecordSet: { ...recordSet, Weight: WEIGHTS[environment] },
        })),
      },
    }),
    call,
  );
}
