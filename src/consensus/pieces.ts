/** Work that stops now and then, so that everybody else gets a turn in between. */
export type Pieces<T> = Generator<undefined, T, undefined>;

/** Does all of it now. */
export function atOnce<T>(work: Pieces<T>): T {
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}

/** Does each piece in a turn of its own. */
export async function inTurns<T>(work: Pieces<T>, turn: () => Promise<void>): Promise<T> {
  for (;;) {
    await turn();
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
