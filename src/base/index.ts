/**
 * Tools with no domain in them: bytes and hexadecimal text, assertions, named errors, seeded chance, addresses of servers,
 * bounded reading, turns for long work, places that nobody is kept out of, lines with colours, files that survive a power
 * loss, logs that never block, deterministic protobuf. Leans on nothing.
 */
export { AssertionFailed, assert, present } from "./assert.ts";
export { type Brand, concatBytes, equalBytes, fromHex, type Hex, HexError, toHex } from "./bytes.ts";
export { clip, styled, width } from "./coloured.ts";
export { counted } from "./counted.ts";
export { each } from "./each.ts";
export { DvError, explain, type Facts } from "./errors.ts";
export { type HttpAddress, readHttpAddress } from "./http-address.ts";
export { inWords, systemAdvice } from "./in-words.ts";
export { type FieldFailure, JsonFields } from "./json-fields.ts";
export { LOG_BACKLOG_BYTES_MAX, logOutput } from "./log-output.ts";
export {
  isOpenToOthers,
  makeFolder,
  syncPath,
  type WriteFileOptions,
  writeSynced,
  writeWhole,
} from "./on-disk.ts";
export { orAborted } from "./or-aborted.ts";
export { parseJson } from "./parse-json.ts";
export { Places } from "./places.ts";
export { printable, printableLines, UNPRINTABLE, withoutSecrets } from "./printable.ts";
export * as proto from "./proto.ts";
export { type SeededRandom, seededRandom } from "./random.ts";
export { readBounded } from "./read-bounded.ts";
export { readInput } from "./read-input.ts";
export { Turns } from "./turns.ts";
export { urlFromHere, urlOf } from "./url-from-here.ts";
