/**
 * How many votes of one validator are kept; older ones live on as floors. Safety needs one. The rest serve votes that come
 * out of order (an epoch or two), the repeated signature after a restart, and the operator who asks what was signed today.
 */
export const keptVotes: { readonly attestations: number; readonly blocks: number } = {
  attestations: 128,
  blocks: 64,
};

/** Caps on an interchange file: some ten times what 10 000 validators with a full history need. */
export const interchangeLimits: {
  readonly textCharactersMax: number;
  readonly validatorsMax: number;
  readonly votesPerValidatorMax: number;
} = {
  textCharactersMax: 512 * 1024 * 1024, // Little less than the longest string Node can hold.
  validatorsMax: 200_000,
  votesPerValidatorMax: 2_000_000,
};
