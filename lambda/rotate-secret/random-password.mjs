import { GetRandomPasswordCommand } from '@aws-sdk/client-secrets-manager';

export async function randomPassword(client, options) {
  const { RandomPassword: password } = await client.send(new GetRandomPasswordCommand(options));
  return password;
}
