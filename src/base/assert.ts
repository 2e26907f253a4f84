/**
 * A bug in our own code. The process stops on it, since a node that doubts itself should not sign; except where a peer's
 * message led to it, which is dropped, so that nobody holds a switch that ends nodes (docs/adr/0210).
 */
export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed";
}

/** Stops on a broken promise of our own code. For bad input from outside use a return value or a `DvError`. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AssertionFailed(what);
}

/** The value, where its absence would be a bug of ours. */
export function present<T>(value: T | undefined | null, what: string): T {
  assert(value !== undefined && value !== null, `absent: ${what}`);
  return value;
}
