import {
  DescribeListenersCommand,
  ModifyListenerCommand,
  ModifyRuleCommand,
  paginateDescribeRules,
} from '@aws-sdk/client-elastic-load-balancing-v2';

import { converge, Unrecoverable } from './converge.mjs';
import { WEIGHTS } from './weights.mjs';

/** Moves all weighted traffic of an edge to blue and returns {listenerArn, changed, from: [{rule, blue, green, sticky}]}. */
export async function moveEdgeToBlue(elb, edge, timing) {
  const { found, written } = await converge(
    {
      read: () => readWeightedRules(elb, edge, timing.call),
      isDesired: (rule) => isBlueOnly(weightsOf(rule, edge)),
      write: (rules) => Promise.all(rules.map((rule) => setBlueOnly(elb, edge, rule, timing.call))),
    },
    timing,
  );
  return {
    listenerArn: edge.listenerArn,
    changed: written,
    from: found.map((rule) => ({ rule: rule.arn ?? 'default', ...weightsOf(rule, edge) })),
  };
}

/**
 * The default action and the rules that split this edge's traffic. Rules that forward to one environment on purpose, such as
 * the one for health checks, aren't included; the default action is, because it serves the customers.
 */
async function readWeightedRules(elb, edge, call) {
  const rules = (await Promise.all([readDefault(elb, edge, call), readRules(elb, edge, call)])).flat();
  if (rules.length === 0) throw new Unrecoverable('the listener has no forward action to the target groups of this edge');
  return rules;
}

async function readDefault(elb, edge, call) {
  const { Listeners: [listener] = [] } = await elb.send(new DescribeListenersCommand({ ListenerArns: [edge.listenerArn] }), call);
  const groups = groupsOf(listener?.DefaultActions ?? []);
  const known = [edge.blueTargetGroupArn, edge.greenTargetGroupArn];
  const isOurs = groups.length > 0 && groups.every(({ TargetGroupArn }) => known.includes(TargetGroupArn));
  return isOurs ? [{ actions: listener.DefaultActions }] : [];
}

async function readRules(elb, edge, call) {
  const rules = [];
  for await (const page of paginateDescribeRules({ client: elb }, { ListenerArn: edge.listenerArn }, call)) {
    rules.push(...(page.Rules ?? []));
  }
  return rules
    .filter((rule) => !rule.IsDefault && splitsTraffic(groupsOf(rule.Actions ?? []), edge))
    .map((rule) => ({ arn: rule.RuleArn, actions: rule.Actions }));
}

function splitsTraffic(groups, edge) {
  const arns = groups.map(({ TargetGroupArn }) => TargetGroupArn);
  return arns.length === 2 && arns.includes(edge.blueTargetGroupArn) && arns.includes(edge.greenTargetGroupArn);
}

const isForward = (action) => action.Type === 'forward';

/** A forward action to a single group may have no weights. */
function groupsOf(actions) {
  const forward = actions.find(isForward);
  if (forward === undefined) return [];
  return forward.ForwardConfig?.TargetGroups ?? [{ TargetGroupArn: forward.TargetGroupArn, Weight: 1 }];
}

function weightsOf({ actions }, edge) {
  const groups = groupsOf(actions);
  const weight = (arn) => {
    const group = groups.find(({ TargetGroupArn }) => TargetGroupArn === arn);
    return group === undefined ? 0 : (group.Weight ?? 1);
  };
  return {
    blue: weight(edge.blueTargetGroupArn),
    green: weight(edge.greenTargetGroupArn),
    sticky: actions.find(isForward).ForwardConfig?.TargetGroupStickinessConfig?.Enabled ?? false,
  };
}

const isBlueOnly = ({ blue, green, sticky }) => blue === WEIGHTS.blue && green === WEIGHTS.green && !sticky;

/** Keeps the rule's other actions, such as authentication. Disables stickiness, which would keep clients on green. */
function setBlueOnly(elb, edge, rule, call) {
  const actions = rule.actions.map((action) => (isForward(action) ? blueOnlyForward(edge, action.Order) : action));
  return elb.send(
    rule.arn === undefined
      ? new ModifyListenerCommand({ ListenerArn: edge.listenerArn, DefaultActions: actions })
      : new ModifyRuleCommand({ RuleArn: rule.arn, Actions: actions }),
    call,
  );
}

function blueOnlyForward(edge, order) {
  return {
    Type: 'forward',
    ...(order === undefined ? {} : { Order: order }),
    ForwardConfig: {
      TargetGroups: [
        { TargetGroupArn: edge.blueTargetGroupArn, Weight: WEIGHTS.blue },
        { TargetGroupArn: edge.greenTargetGroupArn, Weight: WEIGHTS.green },
      ],
      TargetGroupStickinessConfig: { Enabled: false },
    },
  };
}
