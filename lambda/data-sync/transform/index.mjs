/**
 * The versions of the transformation. A version that has run is never edited: add a new file and import it here. Its
 * VERSION is stored in the checkpoint, and the next run copies everything again.
 */
import * as current from './v1.mjs';
import { Untransformable } from './untransformable.mjs';

export const { VERSION, MAX_REFERENCE_LENGTH } = current;

/** Transforms rows: `payments`, and `rejected` ones as [{id, updatedAt, reason}] without their contents. */
export function transformAll(rows) {
  const payments = [];
  const rejected = [];
  for (const row of rows) {
    try {
      payments.push(current.transform(row));
    } catch (error) {
      if (!(error instanceof Untransformable)) throw error;
      rejected.push({ id: row.id, updatedAt: row.updated_at, reason: error.message });
    }
  }
  return { payments, rejected };
}
