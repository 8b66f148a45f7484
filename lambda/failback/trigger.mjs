/**
 * {reason} if the event asks for a failback, else {ignored}. The event is the alarm's state change, or
 * {"action": "failback", "reason": "..."} when invoked manually.
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
