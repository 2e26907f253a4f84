import assert from "node:assert/strict";
import { test } from "node:test";
import { addr, signTyped } from "micro-eth-signer";
import { DvError, equalBytes, fromHex, toHex } from "../base/index.ts";
import { recoverPublicKey, sha256 } from "../crypto/index.ts";
import { type TypedMessage, typedData, typedDataHash } from "./eip712.ts";
import { ClusterError } from "./errors.ts";
import type { Definition } from "./model.ts";
import { signedCluster } from "./testing/signed-cluster.ts";
import { withHashes } from "./validators.ts";
import { verifyDefinitionSignatures } from "./verify.ts";
import { type ContractAnswer, contractQuestions, questionKey } from "./wallet-claims.ts";

const CONTRACT = `0x${"c0".repeat(20)}`;
const SIGNED = signedCluster().lock.definition;
const accepts: ContractAnswer = { accepts: true };

/** Operator 1's and the creator's wallets are contracts, whose signatures are no key's. */
function withContracts(bytes = 65, version: Definition["version"] = "v1.10.0"): Definition {
  const signature = new Uint8Array(bytes).fill(0x12);
  const operators = SIGNED.operators.map((one, i) =>
    i === 1 ? { ...one, address: CONTRACT, configSignature: signature, enrSignature: signature } : one,
  );
  const creator = { address: CONTRACT, configSignature: signature };
  return withHashes({ ...SIGNED, version, operators, creator });
}

/** Only the wallets that are contracts; the others' signatures are of another configuration now. */
const contractsOnly = (definition: Definition) => contractQuestions(definition, undefined, ["creator", 1]);

const answersOf = (definition: Definition, answer: ContractAnswer) =>
  new Map(contractQuestions(definition).map((question) => [questionKey(question), answer]));

function failureOf(work: () => void): ClusterError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof ClusterError);
    return error;
  }
  return assert.fail("it verified");
}

test("the digest that a contract is asked about is the one that wallets sign", () => {
  // Charon's own vector: sepolia, eth2util/eip712.
  const configHash = fromHex("0xe57f66637bdfa05cce6a78e8cf4120d67d305b485367a69baa5f738436533bcb");
  assert.equal(
    toHex(typedDataHash({ type: "CreatorConfigHash", configHash }, 11_155_111)),
    "0x7c8fe012e2f872ca7ec870164184f57b921166f80565ff74af7bee5796f973e4",
  );
  const key = toHex(sha256(Buffer.from("wallet")));
  const messages: TypedMessage[] = [
    { type: "ConfigHash", configHash },
    { type: "OperatorConfigHash", configHash },
    { type: "CreatorConfigHash", configHash },
    { type: "ENR", enr: "enr:-ä" },
  ];
  for (const message of messages) {
    const signature = fromHex(signTyped(typedData(message, 5) as never, key));
    const publicKey = recoverPublicKey(typedDataHash(message, 5), signature);
    assert.ok(publicKey);
    assert.equal(addr.fromPublicKey(publicKey), addr.fromPrivateKey(key), message.type);
  }
});

test("wallets that are keys leave nothing to ask, and neither do unsigned and unknown ones", () => {
  assert.deepEqual(contractQuestions(SIGNED), []);
  const unsigned = SIGNED.operators.map((one) => ({
    ...one,
    configSignature: new Uint8Array(0),
    enrSignature: new Uint8Array(0),
  }));
  assert.deepEqual(contractQuestions({ ...SIGNED, operators: unsigned }), []);
  const nameless = withContracts().operators.map((one) => ({ ...one, address: "" }));
  assert.deepEqual(contractQuestions({ ...withContracts(), operators: nameless }, undefined, [1]), []);
  const elsewhere = { ...withContracts(), forkVersion: Uint8Array.of(9, 9, 9, 9) };
  assert.deepEqual(contractQuestions(elsewhere), []);
  assert.deepEqual(contractQuestions({ ...withContracts(), version: "v1.2.0" }), []);
});

test("a signature that no key made is a question to the contract, and its yes verifies the definition", () => {
  const definition = withContracts();
  assert.deepEqual(
    contractsOnly(definition).map(({ address, chainId, digest }) => [address, chainId, toHex(digest)]),
    [
      { type: "CreatorConfigHash" as const, configHash: definition.configHash },
      { type: "OperatorConfigHash" as const, configHash: definition.configHash },
      { type: "ENR" as const, enr: definition.operators[1]?.enr ?? "" },
    ].map((message) => [CONTRACT, 560_048, toHex(typedDataHash(message, 560_048))]),
  );
  verifyDefinitionSignatures(definition, undefined, answersOf(definition, accepts));
});

test("without the contract's yes to exactly this the definition does not verify, and the error says why", () => {
  const definition = withContracts();
  const verify = (answer: ContractAnswer) => () =>
    verifyDefinitionSignatures(definition, undefined, answersOf(definition, answer));

  const unasked = failureOf(() => verifyDefinitionSignatures(definition));
  assert.match(unasked.hint ?? "", /--execution-client-rpc-endpoint/);
  assert.deepEqual(unasked.facts, { whose: `creator ${CONTRACT}`, over: "config_hash" });

  const refused = failureOf(verify({ accepts: false, why: "it says no" }));
  assert.deepEqual([refused.code, refused.facts["contract"]], ["cluster/bad-signature", "it says no"]);

  const failure = new DvError("execution/unavailable", "ask the execution client");
  assert.equal(failureOf(verify({ accepts: undefined, failure })).cause, failure);

  // One of its three questions answered with yes, the others with silence.
  const questions = contractQuestions(definition);
  for (const left of contractsOnly(definition)) {
    const some = questions.filter((one) => !equalBytes(one.digest, left.digest) || one.address !== CONTRACT);
    const answers = new Map(some.map((one) => [questionKey(one), accepts]));
    failureOf(() => verifyDefinitionSignatures(definition, undefined, answers));
  }
  // A yes to another signature, or of another contract, or on another chain, is no yes to this one.
  for (const change of [
    { signature: new Uint8Array(65).fill(0x13) },
    { address: `0x${"c1".repeat(20)}` },
    { chainId: 1 },
  ]) {
    const answers = new Map(questions.map((one) => [questionKey({ ...one, ...change }), accepts]));
    failureOf(() => verifyDefinitionSignatures(definition, undefined, answers));
  }
});

test("a contract's signature is one of 65 bytes, and from v1.11 on several", () => {
  assert.equal(contractsOnly(withContracts(65, "v1.11.0")).length, 3);
  assert.equal(contractsOnly(withContracts(130, "v1.11.0")).length, 3);
  for (const [bytes, version] of [
    [64, "v1.10.0"],
    [130, "v1.10.0"],
    [64, "v1.11.0"],
  ] as const) {
    const definition = { ...SIGNED, ...withContracts(65, version) };
    const signature = new Uint8Array(bytes).fill(0x12);
    const operators = definition.operators.map((one) => ({
      ...one,
      address: CONTRACT,
      configSignature: signature,
    }));
    const asked = contractQuestions({ ...definition, operators }, undefined, [1]);
    assert.deepEqual(
      asked.map((one) => one.signature.length),
      [65],
      `${bytes} bytes in ${version}: only its ENR's`,
    );
  }
});
