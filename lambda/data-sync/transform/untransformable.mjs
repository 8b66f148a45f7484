/** A row that the new system can't take. The message is the reason, and repeats nothing of the row. */
export class Untransformable extends Error {
  name = 'Untransformable';

  constructor(reason) {
    super(reason);
    // Made for rows by the thousand, none of which anyone debugs by its stack.
    this.stack = undefined;
  }
}
