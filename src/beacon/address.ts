import { type HttpAddress, readHttpAddress } from "../base/index.ts";
import { BeaconError } from "./errors.ts";

export type Address = HttpAddress;

/** @throws BeaconError `beacon/bad-endpoint`, which does not repeat the text. */
export function readAddress(text: string): Address {
  const address = readHttpAddress(text);
  if (address !== undefined) return address;
  throw new BeaconError("beacon/bad-endpoint", "read the address of a beacon node", {
    facts: { wanted: "an http or https URL" },
    hint: "Write it like http://127.0.0.1:5052 in --beacon-node-endpoints.",
  });
}
