import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { missingShared, sharedPath } from "../../test/shared.ts";
import { fromHex, toHex } from "../base/index.ts";
import type { GroupKey, ShareIndex } from "../spec/index.ts";
import {
  combineSlot,
  decryptKeystore,
  type KeyShare,
  parseKeystore,
  recoverSecret,
  type SlotJob,
} from "./index.ts";
import { testRoot } from "./testing/slot.ts";

interface LockFile {
  readonly distributed_validators: { distributed_public_key: GroupKey; public_shares: string[] }[];
}

for (const { cluster, keystore } of [
  { cluster: "split-16", keystore: "keystore-insecure" },
  { cluster: "dkg-frost-3", keystore: "keystore" },
  { cluster: "dkg-pedersen-2", keystore: "keystore" },
]) {
  const folder = sharedPath(`clusters/${cluster}`);
  test(`shares made by Charon (${cluster}) recover and combine to the lock's group keys, any three of four`, {
    skip: folder === undefined && missingShared(`clusters/${cluster}`),
  }, async () => {
    const lock = JSON.parse(
      readFileSync(join(folder as string, "node0/cluster-lock.json"), "utf8"),
    ) as LockFile;
    const jobs: SlotJob[] = [];
    const root = testRoot(cluster);
    for (const [v, validator] of lock.distributed_validators.entries()) {
      const publicShares = validator.public_shares.map((share) => fromHex(share));
      const shares: KeyShare[] = [];
      for (let node = 0; node < 4; node++) {
        const stem = join(folder as string, `node${node}/validator_keys/${keystore}-${v}`);
        const password = readFileSync(`${stem}.txt`, "utf8");
        const secret = await decryptKeystore(parseKeystore(readFileSync(`${stem}.json`, "utf8")), password);
        assert.deepEqual(secret.publicKey(), publicShares[node]);
        shares.push({ index: node + 1, secret });
      }
      for (let missing = 1; missing <= 4; missing++) {
        const three = shares.filter(({ index }) => index !== missing);
        assert.equal(toHex(recoverSecret(three).publicKey()), validator.distributed_public_key);
        const partials = three.map(({ index, secret }) => ({
          share: index as ShareIndex,
          signature: secret.sign(root),
        }));
        jobs.push({ groupKey: validator.distributed_public_key, root, threshold: 3, partials, publicShares });
      }
    }
    for (const { signature, guilty } of combineSlot(jobs)) {
      assert.ok(signature);
      assert.deepEqual(guilty, []);
    }
  });
}
