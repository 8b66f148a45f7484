import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { readFailbackConfig } from '../failback/config.mjs';
import { startAws } from './support/aws.mjs';
import { context, loadFunction } from './support/function.mjs';
import { FakeTraffic, forward, weightedAlias } from './support/traffic.mjs';

const ALARM = 'green-unhealthy-test';
const NAME = 'pay.example.com';

/** The ARNs of an edge: its listener and its target groups. */
const edge = (name) => ({
  listenerArn: `listener-${name}`,
  blueTargetGroupArn: `${name}-to-blue`,
  greenTargetGroupArn: `${name}-to-green`,
});
const EDGES = [edge('blue'), edge('green')];

const CONFIG = {
  alarmName: ALARM,
  topicArn: 'arn:aws:sns:us-east-1:123456789012:migration',
  environments: { blue: 'blue', green: 'green' },
  edges: EDGES,
  dns: {
    hostedZoneId: 'Z1',
    records: [
      { name: NAME, type: 'A', setIdentifier: 'green', environment: 'green' },
      { name: NAME, type: 'A', setIdentifier: 'blue', environment: 'blue' },
    ],
  },
};

let aws;
let handler;
let traffic;

before(async () => {
  aws = await startAws({ query: (...call) => traffic.query(...call), route53: (...call) => traffic.route53(...call) });
  ({ handler } = await loadFunction('failback', { ...aws.env, FAILBACK_CONFIG: JSON.stringify(CONFIG) }));
});

beforeEach(() => {
  aws.calls.length = 0;
  traffic = new FakeTraffic();
  setTraffic({ blue: 40, green: 60 });
});

after(() => aws.stop());

const split = ({ blueTargetGroupArn, greenTargetGroupArn }, { blue, green }, sticky) =>
  forward({ [blueTargetGroupArn]: blue, [greenTargetGroupArn]: green }, sticky);

function setTraffic(weights, { sticky = false, dns = weights } = {}) {
  for (const each of EDGES) {
    traffic.addListener(each.listenerArn, split(each, weights, sticky), {
      [`${each.listenerArn}/health`]: forward({ [each.greenTargetGroupArn]: 1 }),
      [`${each.listenerArn}/split`]: split(each, weights, sticky),
    });
  }
  traffic.records = [weightedAlias(`${NAME}.`, 'blue', dns.blue), weightedAlias(`${NAME}.`, 'green', dns.green)];
}

const alarmEvent = (alarmName = ALARM, value = 'ALARM') => ({
  source: 'aws.cloudwatch',
  'detail-type': 'CloudWatch Alarm State Change',
  detail: { alarmName, state: { value, reason: 'too many errors' }, previousState: { value: 'OK' } },
});

const MANUAL = { action: 'failback', reason: 'drill' };

function assertListenerIsBlue(each) {
  const listener = traffic.listeners.get(each.listenerArn);
  const blue = split(each, { blue: 100, green: 0 });
  assert.deepEqual(listener.forward, blue);
  assert.deepEqual(listener.rules.get(`${each.listenerArn}/split`), blue);
  assert.deepEqual(listener.rules.get(`${each.listenerArn}/health`), forward({ [each.greenTargetGroupArn]: 1 }));
}

const assertDnsIsBlue = () =>
  assert.deepEqual(traffic.records, [weightedAlias(`${NAME}.`, 'blue', 100), weightedAlias(`${NAME}.`, 'green', 0)]);

const writes = () => aws.operations().filter((operation) => /^(?:Modify|POST)/.test(operation));

test('the alarm moves both edges and DNS to blue', async () => {
  const report = await handler(alarmEvent(), context(60_000));
  for (const each of EDGES) assertListenerIsBlue(each);
  assertDnsIsBlue();

  assert.equal(report.outcome, 'moved to blue');
  assert.match(report.reason, /too many errors/);
  assert.deepEqual(report.edges[0].from, [
    { rule: 'default', blue: 40, green: 60, sticky: false },
    { rule: 'listener-blue/split', blue: 40, green: 60, sticky: false },
  ]);
  assert.deepEqual(report.dns.from.map(({ environment, weight }) => [environment, weight]), [['green', 60], ['blue', 40]]);
  assert.ok(report.totalMs >= report.listenersMs);
  const [published, ...others] = traffic.messages;
  assert.deepEqual(others, []);
  assert.equal(published.topicArn, CONFIG.topicArn);
  assert.deepEqual(published.edges, report.edges);
});

test('DNS is written after the listeners, in one batch, blue first', async () => {
  await handler(MANUAL, context(60_000));
  const operations = aws.operations();
  const changes = aws.calls.filter(({ operation }) => operation.startsWith('POST'));
  assert.equal(changes.length, 1);
  const identifiers = [...changes[0].input.body.matchAll(/<SetIdentifier>(.*?)</g)].map(([, identifier]) => identifier);
  assert.deepEqual(identifiers, ['blue', 'green']);
  assert.ok(operations.findIndex((operation) => operation.startsWith('POST')) > operations.lastIndexOf('DescribeRules'));
});

test('stickiness is disabled even if the weights are right', async () => {
  setTraffic({ blue: 100, green: 0 }, { sticky: true });
  assert.equal((await handler(MANUAL, context(60_000))).outcome, 'moved to blue');
  for (const each of EDGES) assertListenerIsBlue(each);
});

test('a default action to green only is moved too', async () => {
  for (const each of EDGES) traffic.listeners.get(each.listenerArn).forward = forward({ [each.greenTargetGroupArn]: 1 });
  await handler(MANUAL, context(60_000));
  for (const each of EDGES) assertListenerIsBlue(each);
});

test('traffic that is already at blue is left unchanged', async () => {
  setTraffic({ blue: 100, green: 0 });
  const report = await handler(alarmEvent(), context(60_000));
  assert.equal(report.outcome, 'already blue');
  assert.deepEqual(writes(), []);
  assert.equal(traffic.messages.length, 1);
});

test('DNS weights that are all zero are corrected', async () => {
  setTraffic({ blue: 100, green: 0 }, { dns: { blue: 0, green: 0 } });
  await handler(MANUAL, context(60_000));
  assertDnsIsBlue();
});

test('a concurrent write by others is overwritten', async () => {
  let overwritten = false;
  traffic.afterWrite = (operation) => {
    if (overwritten || operation !== 'ModifyListener') return;
    overwritten = true;
    for (const each of EDGES) traffic.listeners.get(each.listenerArn).forward = split(each, { blue: 0, green: 100 });
  };
  await handler(MANUAL, context(60_000));
  assert.ok(overwritten);
  for (const each of EDGES) assertListenerIsBlue(each);
});

test('a failed call is retried', async () => {
  traffic.failNext('ModifyListener listener-blue', 1);
  assert.equal((await handler(MANUAL, context(60_000))).outcome, 'moved to blue');
  assertListenerIsBlue(EDGES[0]);
});

test('a failed edge stops neither the other edge nor DNS', async () => {
  traffic.failNext('ModifyListener listener-green');
  await assert.rejects(handler(MANUAL, context(7000)), /failback incomplete: .*forced failure/);
  assertListenerIsBlue(EDGES[0]);
  assertDnsIsBlue();
  assert.equal(traffic.messages[0].outcome, 'incomplete');
  assert.match(traffic.messages[0].edges[1].error, /forced failure/);
});

test('a listener without target groups of the edge fails fast', async () => {
  traffic.addListener('listener-green', forward({ 'other-group': 1 }));
  const started = Date.now();
  await assert.rejects(handler(MANUAL, context(60_000)), /no forward action/);
  assert.ok(Date.now() - started < 5000);
});

test('a DNS failure leaves the listeners at blue', async () => {
  traffic.failNext('POST /2013-04-01/hostedzone/Z1/rrset');
  traffic.failNext('POST /2013-04-01/hostedzone/Z1/rrset/');
  await assert.rejects(handler(MANUAL, context(7000)), /failback incomplete/);
  for (const each of EDGES) assertListenerIsBlue(each);
});

test('without a record of blue green is not set to zero', async () => {
  traffic.records = [weightedAlias(`${NAME}.`, 'green', 60)];
  await assert.rejects(handler(MANUAL, context(60_000)), /no record pay.example.com A blue/);
  assert.deepEqual(traffic.records, [weightedAlias(`${NAME}.`, 'green', 60)]);
});

test('a failed publish does not fail the failback', async () => {
  traffic.failNext('Publish');
  assert.equal((await handler(MANUAL, context(60_000))).outcome, 'moved to blue');
});

for (const [what, event] of Object.entries({
  'another alarm': alarmEvent('another'),
  'the alarm going back to OK': alarmEvent(ALARM, 'OK'),
  'the alarm without data': alarmEvent(ALARM, 'INSUFFICIENT_DATA'),
  'a change of the alarm\'s configuration': { ...alarmEvent(), 'detail-type': 'CloudWatch Alarm Configuration Change' },
  'the same from another source': { ...alarmEvent(), source: 'custom' },
  'another action': { action: 'status' },
  nothing: {},
})) {
  test(`${what} is ignored`, async () => {
    assert.equal((await handler(event, context())).outcome, 'ignored');
    assert.equal(aws.calls.length, 0);
  });
}

test('an invalid configuration names the problem', () => {
  const read = (config) => readFailbackConfig({ FAILBACK_CONFIG: JSON.stringify(config) });
  assert.doesNotThrow(() => read({ ...CONFIG, dns: undefined }));
  assert.throws(() => readFailbackConfig({}), /FAILBACK_CONFIG is not set/);
  assert.throws(() => read({ ...CONFIG, alarmName: '' }), /alarmName/);
  assert.doesNotThrow(() => read({ ...CONFIG, edges: [] }));
  assert.throws(() => read({ ...CONFIG, edges: [], dns: undefined }), /edges or dns is required/);
  assert.throws(() => read({ ...CONFIG, edges: undefined }), /must be a list/);
  assert.throws(() => read({ ...CONFIG, edges: [{ listenerArn: 'x' }] }), /blueTargetGroupArn/);
  assert.throws(() => read({ ...CONFIG, environments: { blue: 'b' } }), /environments/);
  assert.throws(() => read({ ...CONFIG, dns: { records: [] } }), /hostedZoneId/);
  const record = { name: NAME, type: 'A', setIdentifier: 'x', environment: 'red' };
  assert.throws(() => read({ ...CONFIG, dns: { hostedZoneId: 'Z', records: [record] } }), /must be blue or green/);
});

test('hanging calls end with their stage', async () => {
  const { query } = traffic;
  traffic.query = (operation, input) =>
    operation === 'DescribeListeners' && input.get('ListenerArns.member.1') === EDGES[1].listenerArn
      ? new Promise(() => {})
      : query.call(traffic, operation, input);
  // Five of the seven seconds are reserved for the report.
  const started = Date.now();
  await assert.rejects(handler(MANUAL, context(7_000)), /failback incomplete/);
  assert.ok(Date.now() - started < 5_000, 'a hanging call exceeded its stage');
  assertListenerIsBlue(EDGES[0]);
  assert.equal(traffic.messages.at(-1).outcome, 'incomplete');
});
