import { SendMessageCommand } from '@aws-sdk/client-sqs';

import { requiredText } from '../lib/config.mjs';

const text = (value) => ({ DataType: 'String', StringValue: value });

/** The queue that this environment's processor reads. */
export function createQueue(sqs, env) {
  return {
    async send(message) {
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: requiredText(env, 'QUEUE_URL'),
          MessageBody: JSON.stringify(message),
          MessageAttributes: {
            IdempotencyKey: text(message.idempotencyKey),
            Environment: text(message.environment),
            ...(message.traceId === undefined ? {} : { TraceId: text(message.traceId) }),
          },
        }),
      );
    },
  };
}
