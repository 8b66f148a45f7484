/**
 * Why the function was called: {reason} if that is a reason to fail back, {ignored} if not.
 * By hand it is {"action": "failback", "reason": "..."}.
 */
export function readTrigger(event, alarmName) {
  if (event?.action === 'failback') return { reason: `by hand: ${event.reason ?? 'no reason given'}` };
  if (event?.source !== 'aws.cloudwatch' || event['detail-type'] !== 'CloudWatch Alarm State Change') {
    return { ignored: 'not an alarm event and not {"action": "failback"}' };
  }
  const { alarmName: changed, state } = event.detail ?? {};
  if (changed !== alarmName) return { ignored: `the alarm is not ${alarmName}` };
  if (state?.value !== 'ALARM') return { ignored: `the alarm went to ${state?.value}` };
  return { reason: `alarm ${alarmName}: ${state.reason ?? 'no reason given'}` };
}
