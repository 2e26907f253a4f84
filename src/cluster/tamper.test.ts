import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromHex } from "../base/index.ts";
import { nothingKnown, type SignatureSet } from "../crypto/index.ts";
import { registrationSigningRoot } from "./deposit.ts";
import { signedBy, type TypedMessage } from "./eip712.ts";
import type { ClusterError } from "./errors.ts";
import type { Definition, DistributedValidator, Lock, Registration } from "./model.ts";
import { parseLock } from "./read.ts";
import { signedCluster, signLock } from "./testing/signed-cluster.ts";
import { verifyLock } from "./verify-lock.ts";
import { writeLock } from "./write.ts";

// A lock whose operators and creator signed with wallets. Each test changes one thing; "hashes made
// again" is the careful forger, whom only signatures stop.

const { lock: original, nodeKeys, shares } = signedCluster();

const flip = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
const withDefinition = (change: Partial<Definition>): Lock => ({
  ...original,
  definition: { ...original.definition, ...change },
});
const withFirst = (change: (first: DistributedValidator) => Partial<DistributedValidator>): Lock => ({
  ...original,
  validators: original.validators.map((one, i) => (i === 0 ? { ...one, ...change(one) } : one)),
});
const rehashed = (lock: Lock): Lock => parseLock(writeLock(lock));

function refusal(lock: Lock): string {
  try {
    verifyLock(lock);
  } catch (error) {
    const { code, facts } = error as ClusterError;
    return [code, facts?.["which"] ?? facts?.["where"] ?? facts?.["whose"], facts?.["over"] ?? ""]
      .join(" ")
      .trim();
  }
  return "verifies";
}

const [first, second] = original.definition.operators;
const operatorsWith = (change: Partial<NonNullable<typeof first>>): Lock =>
  withDefinition({
    operators: original.definition.operators.map((one, i) => (i === 0 ? { ...one, ...change } : one)),
  });
const { validators: settings, creator } = original.definition;
const otherFee = withDefinition({
  validators: settings.map((one, i) => (i === 0 ? { ...one, feeRecipient: `0x${"ab".repeat(20)}` } : one)),
});
const operator0 = `operator 0 (${first?.address})`;
const swapped = withFirst(({ publicShares: [a, b, ...rest] }) => ({
  publicShares: [b as Uint8Array, a as Uint8Array, ...rest],
}));
const otherRegistration = withFirst(({ registration }) => ({
  registration: { ...(registration as Registration), gasLimit: 1 },
}));

const otherRecipient = withFirst(({ registration }) => ({
  registration: { ...(registration as Registration), feeRecipient: new Uint8Array(20).fill(7) },
}));

test("a registration that was verified before is not again, and one that was not is", () => {
  const setOf = ({ definition, validators: [validator] }: Lock): SignatureSet => {
    const { publicKey, registration } = validator as DistributedValidator;
    const { signature } = registration as Registration;
    const root = registrationSigningRoot(registration as Registration, definition.forkVersion);
    return { publicKey, root, signature };
  };
  const before = nothingKnown();
  before.signatures.add(setOf(original));
  verifyLock(original, undefined, undefined, before);
  // Of a forged one nothing is known, though its key, its root or its signature may be.
  const forged = signLock(otherRegistration, nodeKeys, shares);
  assert.throws(() => verifyLock(forged, undefined, undefined, before), { code: "cluster/bad-signature" });
  const fooled = nothingKnown();
  fooled.signatures.add(setOf(forged));
  verifyLock(forged, undefined, undefined, fooled);
});

const cases: Readonly<Record<string, readonly [Lock, string | RegExp]>> = {
  nothing: [original, "verifies"],
  "nothing, hashes made again": [rehashed(original), "verifies"],
  "the name": [withDefinition({ name: "mine" }), "cluster/hash-differs config_hash"],
  "the name, hashes made again": [
    rehashed(withDefinition({ name: "mine" })),
    `cluster/bad-signature creator ${creator.address} config_hash`,
  ],
  "a fee recipient": [otherFee, "cluster/hash-differs config_hash"],
  "a fee recipient, hashes made again": [
    rehashed(otherFee),
    `cluster/bad-signature creator ${creator.address} config_hash`,
  ],
  "the threshold": [withDefinition({ threshold: 2 }), "cluster/hash-differs config_hash"],
  "the threshold beyond the operators, hashes made again": [
    rehashed(withDefinition({ threshold: 5 })),
    "cluster/malformed threshold",
  ],
  "an operator's ENR": [operatorsWith({ enr: second?.enr ?? "" }), "cluster/hash-differs definition_hash"],
  "one node twice, hashes made again": [
    rehashed(operatorsWith({ enr: second?.enr ?? "" })),
    "cluster/malformed operators",
  ],
  "two ENRs exchanged, hashes made again": [
    rehashed(
      withDefinition({
        operators: original.definition.operators.map((one, i) =>
          i < 2 ? { ...one, enr: (i === 0 ? second : first)?.enr ?? "" } : one,
        ),
      }),
    ),
    `cluster/bad-signature ${operator0} its ENR`,
  ],
  "an operator's wallet, hashes made again": [
    rehashed(operatorsWith({ configSignature: flip(first?.configSignature ?? new Uint8Array(), 3) })),
    `cluster/bad-signature ${operator0} config_hash`,
  ],
  "a wallet's signature left out, hashes made again": [
    rehashed(operatorsWith({ enrSignature: new Uint8Array(0) })),
    `cluster/bad-signature ${operator0} its ENR`,
  ],
  "all of one operator's wallet left out, hashes made again": [
    rehashed(
      operatorsWith({ address: "", configSignature: new Uint8Array(0), enrSignature: new Uint8Array(0) }),
    ),
    "cluster/bad-signature operators 0 the definition (missing, while others have signed)",
  ],
  "every wallet left out, hashes made again": [
    rehashed(
      withDefinition({
        creator: { address: "", configSignature: new Uint8Array(0) },
        operators: original.definition.operators.map(({ enr }) => ({
          address: "",
          enr,
          configSignature: new Uint8Array(0),
          enrSignature: new Uint8Array(0),
        })),
      }),
    ),
    "cluster/bad-signature all key shares together lock_hash (signature_aggregate)",
  ],
  "both signatures of one operator left out, hashes made again": [
    rehashed(operatorsWith({ configSignature: new Uint8Array(0), enrSignature: new Uint8Array(0) })),
    `cluster/bad-signature ${operator0} config_hash`,
  ],
  "two shares swapped": [swapped, "cluster/hash-differs lock_hash"],
  "two shares swapped, hashes made again": [
    rehashed(swapped),
    "cluster/malformed distributed_validators[0].public_shares",
  ],
  "two shares swapped, signed by everybody": [
    signLock(swapped, nodeKeys, shares),
    "cluster/malformed distributed_validators[0].public_shares",
  ],
  "another fee recipient registered, signed by everybody": [
    signLock(otherRecipient, nodeKeys, shares),
    "cluster/malformed distributed_validators[0].builder_registration",
  ],
  "a share of another validator": [
    rehashed(withFirst(() => ({ publicShares: original.validators[1]?.publicShares ?? [] }))),
    "cluster/malformed public_shares",
  ],
  "a share left out": [
    rehashed(withFirst(({ publicShares }) => ({ publicShares: publicShares.slice(1) }))),
    "cluster/malformed distributed_validators[0].public_shares",
  ],
  "a registration": [otherRegistration, "cluster/hash-differs lock_hash"],
  "a registration of another validator, hashes made again": [
    rehashed(withFirst(() => ({ registration: original.validators[1]?.registration }))),
    "cluster/malformed distributed_validators[0].builder_registration",
  ],
  "a registration, hashes made again": [
    rehashed(otherRegistration),
    "cluster/bad-signature all key shares together lock_hash (signature_aggregate)",
  ],
  "a deposit": [withFirst(() => ({ deposits: [] })), "cluster/hash-differs lock_hash"],
  "a validator left out": [
    { ...original, validators: original.validators.slice(1) },
    "cluster/hash-differs lock_hash",
  ],
  "the aggregate signature": [
    { ...original, signatureAggregate: flip(original.signatureAggregate, 60) },
    "cluster/bad-signature all key shares together lock_hash (signature_aggregate)",
  ],
  "no aggregate signature": [
    { ...original, signatureAggregate: new Uint8Array(0) },
    "cluster/bad-signature all key shares together lock_hash (signature_aggregate)",
  ],
  "a node's signature": [
    {
      ...original,
      nodeSignatures: original.nodeSignatures.map((one, i) => (i === 2 ? flip(one, 10) : one)),
    },
    "cluster/bad-signature operator 2 lock_hash (node_signatures)",
  ],
  "the nodes' signatures left out": [
    { ...original, nodeSignatures: [] },
    "cluster/bad-signature operator 0 lock_hash (node_signatures)",
  ],
  "the lock hash": [{ ...original, lockHash: flip(original.lockHash, 0) }, "cluster/hash-differs lock_hash"],
};

for (const [what, [lock, wanted]] of Object.entries(cases)) {
  test(`a lock with this changed is told from the original: ${what}`, () => {
    const found = refusal(lock);
    if (typeof wanted === "string") assert.equal(found, wanted);
    else assert.match(found, wanted);
  });
}

test("a registration that its validator did not sign is refused even where shares and nodes signed the lock", () => {
  const forged = signLock(
    {
      ...original,
      validators: otherRegistration.validators,
    },
    nodeKeys,
    shares,
  );
  assert.match(
    refusal(forged),
    /^cluster\/bad-signature validator 0 \(0x[0-9a-f]{96}\) its builder registration$/,
  );
});

test("wallet signatures of real clusters are recognised, for their signer and their message only", () => {
  const files = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../test/golden/cluster/eip712.json"), "utf8"),
  ) as {
    readonly chainId: number;
    readonly configHash: string;
    readonly creator: { readonly address: string; readonly signature: string };
    readonly operators: readonly Record<"address" | "enr" | "configSignature" | "enrSignature", string>[];
  }[];
  let operators = 0;
  for (const file of files) {
    const hash = fromHex(file.configHash);
    const by = (message: TypedMessage, address: string, signature: string, chainId: number = file.chainId) =>
      signedBy(address, message, chainId, fromHex(signature));
    const { address, signature } = file.creator;
    const creates: TypedMessage = { type: "CreatorConfigHash", configHash: hash };
    assert.ok(by(creates, address, signature));
    assert.ok(by(creates, address.toLowerCase(), signature));
    assert.ok(!by(creates, address, signature, 1));
    assert.ok(!by({ type: "OperatorConfigHash", configHash: hash }, address, signature));
    assert.ok(!by({ type: "CreatorConfigHash", configHash: flip(hash, 0) }, address, signature));
    assert.ok(!by(creates, `0x${"00".repeat(20)}`, signature));
    assert.ok(!by(creates, address, `${signature}00`));
    for (const operator of file.operators) {
      const { enr } = operator;
      assert.ok(
        by({ type: "OperatorConfigHash", configHash: hash }, operator.address, operator.configSignature),
      );
      assert.ok(by({ type: "ENR", enr }, operator.address, operator.enrSignature));
      assert.ok(!by({ type: "ENR", enr: `${enr}A` }, operator.address, operator.enrSignature));
      operators++;
    }
  }
  assert.equal(files.length, 3);
  assert.ok(operators >= 4);
});
