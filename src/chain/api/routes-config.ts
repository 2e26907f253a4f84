import { forkSchedule } from "../chain-spec.ts";
import { answer } from "./answer.ts";
import type { Route } from "./call.ts";

/** What the chain is. */
export const configRoutes: readonly Route[] = [
  { method: "GET", path: "/eth/v1/beacon/genesis", run: ({ world }) => answer(world.genesisAnswer) },
  { method: "GET", path: "/eth/v1/config/spec", run: ({ world }) => answer(world.specAnswer) },
  {
    method: "GET",
    path: "/eth/v1/config/fork_schedule",
    run: ({ world }) => answer(forkSchedule(world.settings.genesisForkVersion)),
  },
  {
    method: "GET",
    path: "/eth/v1/config/deposit_contract",
    run: ({ world }) =>
      answer({
        chain_id: String(world.settings.chainId),
        address: world.settings.depositContract,
      }),
  },
];
