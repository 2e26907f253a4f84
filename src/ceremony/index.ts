/**
 * Runs the ceremony that makes a cluster's keys without a dealer, among operators some of whom may run Charon: who is there,
 * which step, reliable broadcast, the rounds of key generation carried, signatures exchanged, results stored. It survives a
 * kill at any point, and says whom it waits for. The mathematics is `dkg`'s.
 */
export { Ceremony } from "./ceremony.ts";
export { chooseKeys } from "./choose-keys.ts";
export { CeremonyError } from "./errors.ts";
export type { PeerNews } from "./meeting.ts";
export { OutputFolder } from "./output-folder.ts";
export { checkDefinition } from "./preflight.ts";
export { type CeremonyProgress, type PartName, type PeerProgress, parts } from "./progress.ts";
export type { CeremonyNeeds, CeremonyOptions } from "./protocols.ts";
export { describeChanges, renderCeremony } from "./view.ts";
