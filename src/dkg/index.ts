/**
 * Distributed key generation as pure rounds: what one operator computes, sends and checks, given what came. FROST and
 * Pedersen's, as Charon's ceremonies run them. Whoever cheats is named. Owns neither messages nor their transport; the room
 * `ceremony` does.
 */
export {
  begin,
  checkAnnouncement,
  type FrostAnnouncement,
  type FrostBegun,
  type FrostCast,
  type FrostParams,
  finish,
} from "./frost.ts";
export { isLie, type KeyOfValidator, type Lie } from "./key.ts";
export {
  type Dealing,
  deal,
  dealtDigest,
  findTwoFaces,
  keyFrom,
  type OpenedDeals,
  openDeals,
  type PedersenSelf,
} from "./pedersen.ts";
export {
  BUNDLE_DOMAIN,
  type DealBundle,
  digestOfDeals,
  digestOfJustifications,
  digestOfResponses,
  type JustificationBundle,
  type PedersenNode,
  type PedersenSession,
  type PedersenTools,
  type ResponseBundle,
  sessionId,
  signedBy,
} from "./pedersen-bundles.ts";
export {
  type Answer,
  type Complaint,
  type Evidence,
  judgeJustification,
  judgeResponses,
  justify,
  respond,
} from "./pedersen-responses.ts";
