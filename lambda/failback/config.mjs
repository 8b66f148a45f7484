import { ConfigError, requiredJson } from '../lib/config.mjs';
import { isPlainObject } from '../lib/json.mjs';

function check(condition, problem) {
  if (!condition) throw new ConfigError(`FAILBACK_CONFIG: ${problem}`);
}

const isText = (value) => typeof value === 'string' && value !== '';
const hasTexts = (object, names) => isPlainObject(object) && names.every((name) => isText(object[name]));

/**
 * FAILBACK_CONFIG: {alarmName, topicArn, environments: {blue, green},
 *   edges: [{listenerArn, blueTargetGroupArn, greenTargetGroupArn}],
 *   dns?: {hostedZoneId, records: [{name, type, setIdentifier, environment: "blue" | "green"}]}}
 */
export function readFailbackConfig(env) {
  const config = requiredJson(env, 'FAILBACK_CONFIG');
  check(hasTexts(config, ['alarmName', 'topicArn']), 'alarmName and topicArn are required');
  check(hasTexts(config.environments, ['blue', 'green']), 'environments must have blue and green');
  check(Array.isArray(config.edges), 'edges must be a list');
  check(config.edges.length > 0 || isPlainObject(config.dns), 'edges or dns is required');
  check(
    config.edges.every((edge) => hasTexts(edge, ['listenerArn', 'blueTargetGroupArn', 'greenTargetGroupArn'])),
    'each edge needs listenerArn, blueTargetGroupArn and greenTargetGroupArn',
  );
  if (config.dns !== undefined && config.dns !== null) checkDns(config.dns);
  return config;
}

function checkDns({ hostedZoneId, records }) {
  check(isText(hostedZoneId), 'dns needs hostedZoneId');
  check(Array.isArray(records) && records.length > 0, 'dns.records must be a list with at least one record');
  check(
    records.every((record) => hasTexts(record, ['name', 'type', 'setIdentifier', 'environment'])),
    'each DNS record needs name, type, setIdentifier and environment',
  );
  check(
    records.every(({ environment }) => environment === 'blue' || environment === 'green'),
    'the environment of a DNS record must be blue or green',
  );
}
