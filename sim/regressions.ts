/** Seeds that found something once, with what it was. */
export const regressions: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 106,
    found: "an exit whose first write had failed was said to be kept when it came again, and was not",
  },
];
