/**
 * Distributed key generation as pure rounds: what one operator computes, sends and checks, given what came. FROST, as
 * Charon's ceremonies run it. Whoever cheats is named. Owns neither messages nor their transport; the room `ceremony` does.
 */
export {
  begin,
  checkAnnouncement,
  type FrostAnnouncement,
  type FrostBegun,
  type FrostCast,
  type FrostParams,
  finish,
  type KeyOfValidator,
  type Lie,
} from "./frost.ts";
