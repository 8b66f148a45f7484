import { fingerprintOf, paymentIdFor } from '../../lib/payment.mjs';

export const payment = (changes = {}) => ({
  merchantId: 'merchant-1',
  amountMinor: 1999,
  currency: 'EUR',
  paymentToken: 'tok_abcdefgh12345678',
  ...changes,
});

export function message(idempotencyKey, changes = {}) {
  const body = payment(changes);
  return {
    version: 1,
    paymentId: paymentIdFor(body.merchantId, idempotencyKey),
    idempotencyKey,
    payment: body,
    fingerprint: fingerprintOf(body),
    environment: 'blue',
    traceId: '1-67891233-abcdef012345678912345678',
    acceptedAt: '2026-01-02T03:04:05.678Z',
  };
}

/** Appends the Luhn check digit. */
export function withCheckDigit(digits) {
  for (let check = 0; check < 10; check += 1) {
    const candidate = `${digits}${check}`;
    const sum = [...candidate].reverse().reduce((total, char, index) => {
      const digit = Number(char) * (index % 2 === 1 ? 2 : 1);
      return total + (digit > 9 ? digit - 9 : digit);
    }, 0);
    if (sum % 10 === 0) return candidate;
  }
  throw new Error('unreachable');
}
