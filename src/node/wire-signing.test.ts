import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { clientSigns } from "./wire-signing.ts";

test("a validator client signs where there are no keystores, and not where they cannot be seen", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-client-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const signs = (validatorKeysDir: string, wanted = false): boolean =>
    clientSigns({ validatorKeysDir, validatorApi: { wanted } });
  assert.equal(signs(folder), true);
  assert.equal(signs(join(folder, "nowhere")), true);
  writeFileSync(join(folder, "keystore-0.json"), "");
  assert.equal(signs(folder), false);
  assert.equal(signs(folder, true), true);
  assert.throws(() => signs(join(folder, "keystore-0.json")), { code: "cluster/missing" });
});
