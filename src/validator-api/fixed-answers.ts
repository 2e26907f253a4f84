import { RequestRefused } from "../http/index.ts";
import type { BeaconPassage, Clock } from "../ports/index.ts";
import { type ChainSpec, type Epoch, epochOf, slotAt } from "../spec/index.ts";
import { askJson } from "./upstream.ts";

/** Documents of the beacon node that do not change while its software stays the same; asked once an epoch. */
export class FixedAnswers {
  readonly #ports: { readonly clock: Clock; readonly chain: ChainSpec; readonly beacon: BeaconPassage };
  readonly #closing: AbortSignal;
  readonly #kept = new Map<string, { readonly epoch: Epoch; readonly document: Promise<unknown> }>();

  constructor(
    ports: { readonly clock: Clock; readonly chain: ChainSpec; readonly beacon: BeaconPassage },
    closing: AbortSignal,
  ) {
    this.#ports = ports;
    this.#closing = closing;
  }

  /** @param path - One of a few fixed ones. */
  get(path: string): Promise<unknown> {
    const { clock, chain, beacon } = this.#ports;
    const epoch = epochOf(chain, slotAt(chain, clock.now()));
    const kept = this.#kept.get(path);
    if (kept?.epoch === epoch) return kept.document;
    const document = askJson(beacon, { method: "GET", path }, this.#closing).then(({ json }) => {
      // An error with status 200 is not served to all clients for an epoch.
      if (typeof json["data"] !== "object" || json["data"] === null)
        throw new RequestRefused(502, "the beacon node's answer has no data");
      return json;
    });
    const asked = { epoch, document };
    this.#kept.set(path, asked);
    document.catch(() => {
      if (this.#kept.get(path) === asked) this.#kept.delete(path);
    });
    return document;
  }
}
