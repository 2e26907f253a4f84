import type { Submission } from "../src/ports/index.ts";

const OTHER = new Uint8Array(32).fill(0x07);

/** The same kind of thing for the same slot, and yet not what the cluster decided: as of a client that asks elsewhere. */
export function otherThan(item: Submission): Submission {
  switch (item.kind) {
    case "attester": {
      const { vote } = item.signed;
      return {
        ...item,
        signed: { ...item.signed, vote: { ...vote, data: { ...vote.data, beaconBlockRoot: OTHER } } },
      };
    }
    case "proposer": {
      const { signedBlock } = item.signed;
      const other = { ...signedBlock, message: { ...signedBlock.message, stateRoot: OTHER } };
      return { ...item, signed: { ...item.signed, signedBlock: other } as never };
    }
    case "randao":
      return { ...item, signed: { ...item.signed, epoch: item.signed.epoch + 1 } };
    case "prepare-aggregator":
      return { ...item, signed: { ...item.signed, slot: item.signed.slot + 1 } };
    case "prepare-sync-contribution":
      return {
        ...item,
        signed: { ...item.signed, subcommitteeIndex: (item.signed.subcommitteeIndex + 1) % 4 },
      };
    case "aggregator": {
      const { value } = item.signed;
      const { aggregate } = value.message;
      const data = { ...aggregate.data, beaconBlockRoot: OTHER };
      const message = { ...value.message, aggregate: { ...aggregate, data } };
      return { ...item, signed: { ...item.signed, value: { ...value, message } as never } };
    }
    case "sync-message":
      return { ...item, signed: { ...item.signed, beaconBlockRoot: OTHER } };
    case "sync-contribution": {
      const { message } = item.signed;
      const contribution = { ...message.contribution, beaconBlockRoot: OTHER };
      return { ...item, signed: { ...item.signed, message: { ...message, contribution } } };
    }
    case "exit":
      return {
        ...item,
        signed: { ...item.signed, message: { ...item.signed.message, epoch: item.signed.message.epoch + 1 } },
      };
    case "builder-registration":
      return {
        ...item,
        signed: {
          ...item.signed,
          message: { ...item.signed.message, gasLimit: item.signed.message.gasLimit + 1 },
        },
      };
  }
}
