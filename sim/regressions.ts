/** Seeds that found something once, with what it was. */
export const regressions: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 106,
    found: "an exit whose first write had failed was said to be kept when it came again, and was not",
  },
  {
    seed: 284,
    found:
      "an operator that decided before it could vote never voted, so that those from whom a liar kept its vote had no quorum",
  },
  {
    seed: 466,
    found:
      "an operator did not sign a registration that it had adopted, so that one whom a liar had given no part never could",
  },
];
