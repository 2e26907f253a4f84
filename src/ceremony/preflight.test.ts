import assert from "node:assert/strict";
import { test } from "node:test";
import { type Definition, encodeEnr, newDefinition } from "../cluster/index.ts";
import { checkDefinition } from "./preflight.ts";
import { memberKeys } from "./testing/members.ts";

const owner = `0x${"11".repeat(20)}`;
const keys = memberKeys(4);
const definition = newDefinition({
  name: "preflight",
  version: "v1.10.0",
  operators: keys.map((key) => ({ enr: encodeEnr(key), address: "" })),
  validators: 2,
  forkVersion: Uint8Array.of(0, 0, 0, 0),
  feeRecipients: [owner],
  withdrawalAddresses: [owner],
  compounding: false,
  targetGasLimit: 60_000_000,
  timestamp: "2026-01-01T00:00:00Z",
});
const [first, second, ...rest] = definition.operators as [
  Definition["operators"][number],
  Definition["operators"][number],
  ...Definition["operators"],
];

test("a definition that a ceremony can be held over gives the node keys in their order", () => {
  assert.deepEqual(
    checkDefinition(definition),
    keys.map(({ publicKey }) => publicKey),
  );
});

const wrongs: Readonly<Record<string, readonly [Partial<Definition>, RegExp]>> = {
  "a version that no program holds ceremonies over": [{ version: "v1.5.0" }, /from v1\.6\.0 on/],
  "an unknown algorithm": [{ dkgAlgorithm: "gjkr" }, /frost, pedersen/],
  "an operator without a node key": [
    { operators: [first, { ...second, enr: "" }, ...rest] },
    /definition sign/,
  ],
  "a node key twice": [{ operators: [first, { ...second, enr: first.enr }, ...rest] }, /same node key/],
  "a threshold of 1": [{ threshold: 1 }, /between 2/],
  "a threshold of 5": [{ threshold: 5 }, /between 2/],
  "deposits that are too small": [{ depositAmounts: [1_000_000_000] }, /at least 32 ETH/],
  "more validators than a journal holds": [
    { numValidators: 65_536 },
    /ceremonies, each of at most \d{5} validators/,
  ],
  "a validator without fee recipient": [
    { validators: [{ feeRecipient: "", withdrawal: owner }] },
    /fee recipient and a withdrawal address/,
  ],
  "a withdrawal address that nobody has, where money is real": [
    { validators: [{ feeRecipient: owner, withdrawal: `0x${"00".repeat(20)}` }] },
    /would be lost/,
  ],
};
for (const [what, [change, hint]] of Object.entries(wrongs))
  test(`before anything is made, a ceremony is refused over a definition with ${what}`, () => {
    assert.throws(
      () => checkDefinition({ ...definition, ...change }),
      (error: Error & { hint?: string }) => {
        assert.match(error.hint ?? "", hint);
        return true;
      },
    );
  });

test("the number of validators that a refusal names is the largest that is not refused", () => {
  const check = (numValidators: number): number | undefined => {
    try {
      checkDefinition({ ...definition, numValidators });
      return undefined;
    } catch (error) {
      return (error as { facts: { most: number } }).facts.most;
    }
  };
  const most = check(65_536);
  assert.ok(most !== undefined && most > 50_000);
  assert.deepEqual([check(most), check(most + 1)], [undefined, most]);
});
