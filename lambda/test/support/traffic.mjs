/** Load balancers, DNS and topics in memory, as far as the failback needs them. */
import { AwsError } from './aws.mjs';

const xml = (name, content) => `<${name}>${content}</${name}>`;
const member = (content) => xml('member', content);

export const forward = (weights, sticky = false) => ({ weights, sticky });

/** The fields of a query-protocol list or structure: {"A.member.1.B": "x"} by prefix. */
function fields(form, prefix) {
  return [...form].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]);
}

function readForward(form, prefix) {
  const all = Object.fromEntries(fields(form, `${prefix}.member.1.ForwardConfig.`));
  const weights = {};
  for (let index = 1; all[`TargetGroups.member.${index}.TargetGroupArn`]; index += 1) {
    weights[all[`TargetGroups.member.${index}.TargetGroupArn`]] = Number(all[`TargetGroups.member.${index}.Weight`]);
  }
  return forward(weights, all['TargetGroupStickinessConfig.Enabled'] === 'true');
}

function writeForward({ weights, sticky }) {
  const groups = Object.entries(weights).map(([arn, weight]) => member(xml('TargetGroupArn', arn) + xml('Weight', weight)));
  return member(
    xml('Type', 'forward') +
      xml('Order', 1) +
      (groups.length === 1 ? xml('TargetGroupArn', Object.keys(weights)[0]) : '') +
      xml(
        'ForwardConfig',
        xml('TargetGroups', groups.join('')) + xml('TargetGroupStickinessConfig', xml('Enabled', sticky)),
      ),
  );
}

export class FakeTraffic {
  constructor() {
    this.listeners = new Map();
    this.records = [];
    this.messages = [];
    /** Failing operations: name, optionally with the listener's or rule's ARN, to the remaining number of failures. */
    this.failures = new Map();
    /** Called after each write, to simulate a concurrent writer. */
    this.afterWrite = () => undefined;
  }

  /** `rules` maps an ARN to a forward. */
  addListener(arn, defaultForward, rules = {}) {
    this.listeners.set(arn, { forward: defaultForward, rules: new Map(Object.entries(rules)) });
  }

  failNext(what, times = Infinity) {
    this.failures.set(what, times);
  }

  #failIfRequested(...names) {
    for (const name of names) {
      const left = this.failures.get(name) ?? 0;
      if (left === 0) continue;
      this.failures.set(name, left - 1);
      throw new AwsError('AccessDenied', `forced failure of ${name}`, 403);
    }
  }

  query = (operation, form) => {
    const answer = (content) => xml(`${operation}Response`, xml(`${operation}Result`, content));
    const arn = form.get('ListenerArn') ?? form.get('ListenerArns.member.1') ?? form.get('RuleArn');
    this.#failIfRequested(operation, `${operation} ${arn}`);
    switch (operation) {
      case 'DescribeListeners': {
        const listener = this.listeners.get(arn);
        return answer(xml('Listeners', member(xml('ListenerArn', arn) + xml('DefaultActions', writeForward(listener.forward)))));
      }
      case 'DescribeRules': {
        const listener = this.listeners.get(arn);
        const rules = [...listener.rules].map(([ruleArn, to]) =>
          member(xml('RuleArn', ruleArn) + xml('IsDefault', false) + xml('Actions', writeForward(to))),
        );
        const last = member(xml('RuleArn', `${arn}/default`) + xml('IsDefault', true) + xml('Actions', writeForward(listener.forward)));
        return answer(xml('Rules', [...rules, last].join('')));
      }
      case 'ModifyListener':
        this.listeners.get(arn).forward = readForward(form, 'DefaultActions');
        this.afterWrite(operation);
        return answer('');
      case 'ModifyRule': {
        const { rules } = [...this.listeners.values()].find((listener) => listener.rules.has(arn));
        rules.set(arn, readForward(form, 'Actions'));
        this.afterWrite(operation);
        return answer('');
      }
      case 'Publish':
        this.messages.push({ topicArn: form.get('TopicArn'), subject: form.get('Subject'), ...JSON.parse(form.get('Message')) });
        return answer(xml('MessageId', 'x'));
      default:
        throw new AwsError('InvalidAction', operation);
    }
  };

  route53 = (operation, { query, body }) => {
    this.#failIfRequested(operation);
    if (operation.startsWith('GET')) return this.#listRecords(query);
    for (const [, content] of body.matchAll(/<ResourceRecordSet>([\s\S]*?)<\/ResourceRecordSet>/g)) {
      const identifier = (text) => /<SetIdentifier>(.*?)</.exec(text)[1];
      this.records = this.records.map((record) => (identifier(record) === identifier(content) ? content : record));
    }
    this.afterWrite(operation);
    return xml('ChangeResourceRecordSetsResponse', xml('ChangeInfo', xml('Id', '/change/C1') + xml('Status', 'PENDING')));
  };

  /** Returns pages of one record each, to test pagination. */
  #listRecords(query) {
    const from = query.get('identifier');
    const index = from ? this.records.findIndex((record) => record.includes(`<SetIdentifier>${from}<`)) : 0;
    const next = this.records[index + 1];
    const more = next
      ? xml('IsTruncated', true) +
        xml('NextRecordName', /<Name>(.*?)</.exec(next)[1]) +
        xml('NextRecordType', /<Type>(.*?)</.exec(next)[1]) +
        xml('NextRecordIdentifier', /<SetIdentifier>(.*?)</.exec(next)[1])
      : xml('IsTruncated', false);
    const listed = xml('ResourceRecordSets', xml('ResourceRecordSet', this.records[index]));
    return xml('ListResourceRecordSetsResponse', listed + more + xml('MaxItems', 1));
  }
}

/** A weighted alias record in Route 53's format. */
export const weightedAlias = (name, setIdentifier, weight) =>
  xml('Name', name) +
  xml('Type', 'A') +
  xml('SetIdentifier', setIdentifier) +
  xml('Weight', weight) +
  xml(
    'AliasTarget',
    xml('HostedZoneId', 'Z35SXDOTRQ7X7K') + xml('DNSName', `${setIdentifier}.elb.amazonaws.com.`) + xml('EvaluateTargetHealth', false),
  ) +
  xml('HealthCheckId', `health-of-${setIdentifier}`);
