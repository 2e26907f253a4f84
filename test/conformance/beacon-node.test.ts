import { createBeaconNodes } from "../../src/beacon/index.ts";
import { SimulatedClock } from "../../src/beacon/testing/simulated-clock.ts";
import { interopPublicKey, interopSecretKey, startChain } from "../../src/chain/index.ts";
import { silent, unmetered } from "../../src/ports/index.ts";
import { type BeaconWorld, beaconNodeConformance } from "./beacon-node.ts";

const GENESIS = 1_800_000_000_000;
const VALIDATORS = 8;

/** The client of this program against the simulated chain: through a function, or through a real port. */
async function clientOnChain(options: { readonly listen: boolean }): Promise<BeaconWorld> {
  const clock = new SimulatedClock(GENESIS - 1_000);
  const keys = Array.from(
    { length: VALIDATORS },
    (_, i) => [interopPublicKey(i), interopSecretKey(i)] as const,
  );
  const chain = await startChain({
    validators: keys.map(([pubkey]) => ({ pubkey })),
    slotMs: 1_000,
    slotsPerEpoch: 4,
    genesisTime: GENESIS,
    listen: options.listen,
    clock,
  });
  const node = createBeaconNodes({
    endpoints: [chain.url ?? "http://chain"],
    clock,
    log: silent,
    meter: unmetered,
    timeoutMs: 5_000,
    ...(options.listen ? {} : { http: (request) => chain.handle(request) }),
  });
  const spec = await node.connectChain(new AbortController().signal);
  return {
    node,
    chain: spec,
    keys,
    moveTo: (at) => clock.advance(Math.max(0, at - clock.now())),
    close: async () => {
      await node.close();
      await chain.stop();
    },
  };
}

beaconNodeConformance("client on the simulated chain", () => clientOnChain({ listen: false }));
beaconNodeConformance("client over HTTP", () => clientOnChain({ listen: true }));
