import type { SyncDuty } from "../ports/index.ts";
import { domainAt, epochOf, type Slot, signingRoot } from "../spec/index.ts";
import { broadcastAndFinish } from "./broadcast.ts";
import { signedCodecs } from "./codec/kinds.ts";
import { collect } from "./collect.ts";
import type { DutyContext } from "./context.ts";
import { fetching } from "./fetching.ts";
import type { Known } from "./known.ts";
import type { SyncMessageStages } from "./scripts.ts";
import { signAndOffer } from "./sign.ts";

/**
 * The head as this node's beacon node sees it, signed without agreement as in Charon: operators whose beacon nodes have
 * another head sign another message, and only the one that a threshold signed goes out.
 *
 * @param more.voteTime - Settles when the head of a slot should be asked for: its block has come, or the message is due.
 * @spec altair/validator.md#prepare-sync-committee-message
 */
export function createSyncMessageStages(
  context: DutyContext,
  known: Known,
  more: { readonly voteTime: (slot: Slot, signal: AbortSignal) => Promise<void> },
): SyncMessageStages {
  const { chain, beacon } = context;
  const codec = signedCodecs["sync-message"];

  return {
    async offer(duty, signal) {
      const { slot } = duty.id;
      await more.voteTime(slot, signal);
      const ask = () => beacon.headRoot(signal);
      const beaconBlockRoot = await fetching(context, duty, "Head", ask, signal);
      const root = signingRoot(beaconBlockRoot, domainAt(chain, "syncCommittee", epochOf(chain, slot)));
      const items = [...duty.validators].map(([groupKey, { validatorIndex }]) => ({
        groupKey,
        root,
        value: { slot, beaconBlockRoot, validatorIndex },
      }));
      await signAndOffer(
        context,
        duty,
        items,
        ({ value }, signature) => codec.encode({ ...value, signature }),
        signal,
      );
    },

    collect: (duty, signal) => collect(context, duty, signal),

    async broadcast(duty, signed, signal) {
      const messages = signed.flatMap(({ groupKey, data, signature }) => {
        const own: SyncDuty | undefined = duty.validators.get(groupKey);
        if (own === undefined) return [];
        // The index is not covered by the signature, so it comes from what we know and not from a peer.
        const message = { ...codec.decode(data), validatorIndex: own.validatorIndex, signature };
        return [{ groupKey, message }];
      });
      for (const { groupKey, message } of messages)
        known.syncRoots.set(duty.id.slot, groupKey, message.beaconBlockRoot);
      const groupKeys = messages.map(({ groupKey }) => groupKey);
      const publish = (): Promise<void> =>
        beacon.publishSyncMessages(
          messages.map(({ message }) => message),
          signal,
        );
      await broadcastAndFinish(context, duty, groupKeys, publish, signal);
    },
  };
}
