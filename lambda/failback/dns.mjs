import { ChangeResourceRecordSetsCommand, ListResourceRecordSetsCommand } from '@aws-sdk/client-route-53';

import { converge, Unrecoverable } from './converge.mjs';
import { WEIGHTS } from './weights.mjs';

/** Sends clients to blue's edge and answers {hostedZoneId, changed, from: [{name, type, setIdentifier, environment, weight}]}. */
export async function moveDnsToBlue(route53, dns, timing) {
  const { found, written } = await converge(
    {
      read: () => readRecords(route53, dns, timing.call),
      isWanted: ({ environment, recordSet }) => recordSet.Weight === WEIGHTS[environment],
      // All of them, whichever is wrong: so the batch holds by itself, whatever someone else writes meanwhile.
      write: (unwanted, records) => writeWeights(route53, dns.hostedZoneId, records, timing.call),
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

/** As Route 53 answers names: in lower case, with a dot at the end, wildcards in octal. */
const answeredName = (name) => `${name.toLowerCase().replace(/\.$/, '').replaceAll('*', '\\052')}.`;

const hasNameAndType = (recordSet, { name, type }) => recordSet?.Name === answeredName(name) && recordSet.Type === type;

async function readRecords(route53, { hostedZoneId, records }, call) {
  const listed = new Map();
  for (const record of records) {
    const key = `${answeredName(record.name)} ${record.type}`;
    // Route 53 takes five requests a second for the whole account: records of one name are read together.
    if (!listed.has(key)) listed.set(key, await listRecordSets(route53, hostedZoneId, record, call));
  }
  return records.map((record) => ({
    environment: record.environment,
    recordSet: findRecordSet(listed.get(`${answeredName(record.name)} ${record.type}`), record),
  }));
}

/** Every record set of a name and type: the weighted ones differ in their identifier alone. */
async function listRecordSets(route53, hostedZoneId, record, call) {
  const found = [];
  let start = { StartRecordName: answeredName(record.name), StartRecordType: record.type };
  while (start !== undefined) {
    const page = await route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: hostedZoneId, ...start }), call);
    const matching = (page.ResourceRecordSets ?? []).filter((recordSet) => hasNameAndType(recordSet, record));
    found.push(...matching);
    const goesOn = page.IsTruncated && page.NextRecordName === answeredName(record.name) && page.NextRecordType === record.type;
    start = goesOn
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
  // Without blue's record green must not go to zero: where all weights are zero, all get equal shares.
  if (recordSet === undefined) throw new Unrecoverable(`there is no record ${name} ${type} ${setIdentifier}`);
  if (recordSet.Weight === undefined) throw new Unrecoverable(`record ${name} ${type} ${setIdentifier} has no weight`);
  return recordSet;
}

/** One batch, which Route 53 carries out as a whole, blue first: at no time are all weights zero. Only the weight changes. */
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
