/**
 * A time as PostgreSQL writes it in UTC ("2026-01-02 03:04:05.678901+00") as ISO 8601, all its digits kept; null stays
 * null.
 */
export const isoTime = (time) => (time === null ? null : `${time.replace(' ', 'T').replace(/\+00$/, '')}Z`);

/** The other way round. */
export const postgresTime = (time) => `${time.replace('T', ' ').replace(/Z$/, '')}+00`;
