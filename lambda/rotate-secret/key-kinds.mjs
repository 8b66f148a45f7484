import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import { randomPassword } from './random-password.mjs';

const API_KEY_LENGTH = 48;
const ENCRYPTION_KEY_BYTES = 32;

/**
 * Consumers read the key from the secret, so there is nothing to set elsewhere. Readers of old data find the old key at AWSPREVIOUS.
 * An unchanged key is rejected here and not in `test`: when rotation is enabled, Secrets Manager calls testSecret alone, with the
 * current value.
 */
async function put({ pending, current }) {
  if (pending.value === current.value) throw new Error('the pending version has the current value');
  return 'nothing to set';
}

export function apiKeyKind(client) {
  return {
    renew: async () => ({ value: await randomPassword(client, { PasswordLength: API_KEY_LENGTH, ExcludePunctuation: true }) }),
    put,
    async test(pending) {
      if (!/^[A-Za-z0-9]{32,}$/.test(pending.value)) throw new Error('the pending version is not a usable API key');
    },
  };
}

export function encryptionKeyKind() {
  return {
    renew: async () => ({ value: randomBytes(ENCRYPTION_KEY_BYTES).toString('base64') }),
    put,
    async test(pending) {
      const key = Buffer.from(String(pending.value), 'base64');
      if (key.length !== ENCRYPTION_KEY_BYTES || key.toString('base64') !== pending.value || !encrypts(key)) {
        throw new Error('the pending version is not a usable encryption key');
      }
    },
  };
}

/** Whether an encryption round trip with the key works. */
function encrypts(key) {
  const nonce = randomBytes(12);
  const sample = randomBytes(64);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const encrypted = Buffer.concat([cipher.update(sample), cipher.final()]);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  decipher.setAuthTag(cipher.getAuthTag());
  return Buffer.concat([decipher.update(encrypted), decipher.final()]).equals(sample);
}
