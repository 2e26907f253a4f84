/** What sets one validator client apart from the others, as far as the answers of this API depend on it. */
export interface ValidatorClientTraits {
  /** Its name in logs and metrics. */
  readonly name: string;
  /** How its User-Agent begins. */
  readonly userAgent: RegExp;
  /**
   * What it makes of a list of selections that is shorter than what it sent. `takes` it: those that did not reach the
   * threshold are left out. `refuses` it, and then aggregates nothing: those keep the client's own proof, with which its
   * validators are found to be no aggregators, or their aggregates are refused.
   */
  readonly shorterSelections: "takes" | "refuses";
  /** What it looks for in the version of its beacon node to know that the block may carry another randao than its own. */
  readonly seesMiddlewareBy?: string;
  /** Where it may look for settings of its proposers, which are its own matter here. */
  readonly settingsPath?: string;
  /** What it may POST to a beacon node of its own kind beside the beacon API. It is handed on, so it must change nothing there. */
  readonly extensions?: readonly string[];
  /** Whether its votes of the slot at hand wait for the answer to its committee selections, which then comes before they are due. */
  readonly votesWaitForSelections?: boolean;
  /** How long it waits for an answer to selections, in milliseconds; ours is sent somewhat before. */
  readonly selectionsTimeoutMs: number;
}

/**
 * The one place where clients differ. docs/validator-clients.md says what was run. An unknown client gets what the
 * specification says.
 */
export const VALIDATOR_CLIENTS: readonly ValidatorClientTraits[] = [
  {
    // sigp/lighthouse: selections slot by slot, its HTTP time limits are parts of a slot. It does not say its name yet (#7963), so
    // that it has what an unknown client has.
    name: "lighthouse",
    userAgent: /^lighthouse/i,
    shorterSelections: "takes",
    selectionsTimeoutMs: 6_000,
  },
  {
    // ChainSafe/lodestar#8669: selections of an epoch at once.
    name: "lodestar",
    userAgent: /^lodestar/i,
    shorterSelections: "takes",
    selectionsTimeoutMs: 10_000,
  },
  {
    // status-im/nim-presto agent.nim: the name of its HTTP library.
    name: "nimbus",
    userAgent: /^(nimbus|nim-presto)/i,
    shorterSelections: "takes",
    extensions: ["/nimbus/v1/timesync"], // What time is it?
    selectionsTimeoutMs: 6_000,
  },
  {
    // OffchainLabs/prysm validator/client: "mismatching number of selections" when the lengths differ; --api-timeout 10s;
    // aggregator_selector.go, AttestationSelectionProof: roles of a slot are known when the epoch's selections are.
    name: "prysm",
    userAgent: /^(prysm|go-http-client\/1\.1$)/i,
    shorterSelections: "refuses",
    votesWaitForSelections: true,
    extensions: ["/prysm/validators/performance", "/prysm/v1/validators/performance"], // How did these do?
    selectionsTimeoutMs: 10_000,
  },
  {
    name: "teku",
    userAgent: /^teku/i,
    shorterSelections: "takes",
    settingsPath: "/teku_proposer_config",
    selectionsTimeoutMs: 10_000,
  },
  {
    // attestantio/go-eth2-client http/service.go, checkDVT. It never asks for selections.
    name: "vouch",
    userAgent: /^(vouch|go-eth2-client)/i,
    shorterSelections: "takes",
    seesMiddlewareBy: "charon",
    selectionsTimeoutMs: 10_000,
  },
  { name: "vero", userAgent: /^vero/i, shorterSelections: "takes", selectionsTimeoutMs: 6_000 },
];

const UNKNOWN: ValidatorClientTraits = {
  name: "unknown",
  userAgent: /^/,
  shorterSelections: "takes",
  selectionsTimeoutMs: 6_000,
};

/** The client that sent a request. */
export function clientOf(request: Request): ValidatorClientTraits {
  const text = request.headers.get("user-agent") ?? "";
  return VALIDATOR_CLIENTS.find(({ userAgent }) => userAgent.test(text)) ?? UNKNOWN;
}
