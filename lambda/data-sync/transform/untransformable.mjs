/** A row that can't be transformed. The message is the reason, without values of the row. */
export class Untransformable extends Error {
  name = 'Untransformable';

  constructor(reason) {
    super(reason);
    // Thousands of rows may be rejected, and the stack is of no use.
    this.stack = undefined;
  }
}
