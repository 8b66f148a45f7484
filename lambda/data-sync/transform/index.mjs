/**
 * The versions of the transformation. A version that has run is never edited: a new file takes its place here, its
 * VERSION goes into the checkpoint, and the next run copies everything anew with it.
 */
import * as current from './v1.mjs';
import { Untransformable } from './untransformable.mjs';

export const { VERSION, LONGEST_REFERENCE } = current;

/**
 * Splits rows into `payments` of the new system and `refused` ones, [{id, updatedAt, reason}] without any of their
 * contents.
 */
export function transformAll(rows) {
  const payments = [];
  const refused = [];
  for (const row of rows) {
    try {
      payments.push(current.transform(row));
    } catch (error) {
      if (!(error instanceof Untransformable)) throw error;
      refused.push({ id: row.id, updatedAt: row.updated_at, reason: error.message });
    }
  }
  return { payments, refused };
}
