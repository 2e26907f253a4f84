/** Seeds that found something once, with what it was. */
export const regressions: readonly { readonly seed: number; readonly found: string }[] = [];
