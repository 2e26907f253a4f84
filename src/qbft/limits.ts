/** Messages kept of one author, oldest dropped first (Charon keeps as many). A correct one sends four per round. */
export const MESSAGES_PER_SOURCE_MAX = 100;
/** How often one author is told the decision; a correct one needs it once, more only when answers get lost. */
export const HELP_MAX = 16;
