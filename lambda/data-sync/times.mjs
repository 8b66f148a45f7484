/**
 * Converts a time from PostgreSQL's format in UTC ("2026-01-02 03:04:05.678901+00") to ISO 8601, with all digits; null
 * stays null.
 */
export const isoTime = (time) => (time === null ? null : `${time.replace(' ', 'T').replace(/\+00$/, '')}Z`);

/** Converts a time from ISO 8601 to PostgreSQL's format. */
export const postgresTime = (time) => `${time.replace('T', ' ').replace(/Z$/, '')}+00`;
