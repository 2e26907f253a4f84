/** Topics of /eth/v1/events that a client may ask for. Those that nothing here causes are accepted and stay silent. */
export const topics = [
  "head",
  "head_v2",
  "block",
  "block_gossip",
  "attestation",
  "single_attestation",
  "voluntary_exit",
  "finalized_checkpoint",
  "contribution_and_proof",
  "attester_slashing",
  "proposer_slashing",
  "chain_reorg",
  "bls_to_execution_change",
  "payload_attributes",
  "light_client_finality_update",
  "light_client_optimistic_update",
  "blob_sidecar",
  "data_column_sidecar",
  // Of Gloas and later; validator clients ask for them before that fork.
  "execution_payload",
  "execution_payload_available",
  "execution_payload_bid",
  "execution_payload_gossip",
  "fast_confirmation",
  "payload_attestation_message",
  "proposer_preferences",
] as const;
export type Topic = (typeof topics)[number];

export function isTopic(text: string): text is Topic {
  return (topics as readonly string[]).includes(text);
}

type Listener = (topic: Topic, json: string) => void;

/** Hands chain events to the streams that asked for them. */
export class EventHub {
  readonly #listeners = new Map<Listener, ReadonlySet<Topic>>();
  readonly #closers = new Set<() => void>();

  get size(): number {
    return this.#listeners.size;
  }

  /**
   * @param onClose - Called when the chain stops.
   * @returns A function that ends the subscription.
   */
  subscribe(wanted: ReadonlySet<Topic>, listener: Listener, onClose: () => void): () => void {
    this.#listeners.set(listener, wanted);
    this.#closers.add(onClose);
    return () => {
      this.#listeners.delete(listener);
      this.#closers.delete(onClose);
    };
  }

  /** `data` is made only when somebody listens. */
  publish(topic: Topic, data: () => unknown): void {
    let json: string | undefined;
    for (const [listener, wanted] of this.#listeners) {
      if (!wanted.has(topic)) continue;
      json ??= JSON.stringify(data());
      listener(topic, json);
    }
  }

  close(): void {
    for (const close of this.#closers) close();
  }
}
