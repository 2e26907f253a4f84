import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../crypto/index.ts";
import { SecretKey } from "../crypto/secret-key.ts";
import { depositSigningRoot } from "./deposit.ts";
import type { ClusterError } from "./errors.ts";
import { checkLockDeposits } from "./inspect-deposits.ts";
import { signedCluster } from "./testing/signed-cluster.ts";

const { lock } = signedCluster();
const { forkVersion } = lock.definition;

test("the deposits of a lock that a ceremony made are right", () => {
  checkLockDeposits(lock);
});

test("a deposit that another key made and signed is refused, and the validator that it stands with is named", () => {
  const stranger = SecretKey.fromBytes(sha256(Buffer.from("stranger")).fill(0, 0, 1));
  const validators = lock.validators.map((validator, i) =>
    i === 0
      ? validator
      : {
          ...validator,
          deposits: validator.deposits.map((deposit) => {
            const theirs = { ...deposit, pubkey: stranger.publicKey() };
            return { ...theirs, signature: stranger.sign(depositSigningRoot(theirs, forkVersion)) };
          }),
        },
  );
  assert.throws(
    () => checkLockDeposits({ ...lock, validators }),
    ({ code, facts }: ClusterError) =>
      code === "cluster/malformed" && String(facts["where"]).endsWith("validator 1"),
  );
});
