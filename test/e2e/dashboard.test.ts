import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { findChromium, Tab } from "./browser.ts";
import { startLocalRun } from "./local-run.ts";
import { writeTestCluster } from "./test-cluster.ts";

// Goal: what an operator sees in a browser is what the node and its cluster do, and no text of others becomes more than text.
// Method: a real browser on the page of one of four nodes; then an operator goes, then the node itself.
const SLOT_MS = 6_000;
/** A name that would run if the page read HTML anywhere. */
const NAME = `<img src=x onerror="window.owned = true">`;
/** What npm installs: the build, where there is one. */
const built = resolve(import.meta.dirname, "../../dist/src/main.js");
const chromium = findChromium();
if (chromium === undefined)
  process.stderr.write(
    "NOT TESTED: the dashboard in a browser. Install Chromium, or name one in CHROMIUM.\n",
  );

test("the dashboard shows who is connected and what was done, who went away, and that it is old", {
  timeout: 300_000,
  skip: chromium === undefined ? "no Chromium here" : false,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-dashboard-"));
  await writeTestCluster(folder, { name: NAME, validators: 16 });
  const run = await startLocalRun({
    clusterDir: folder,
    slotMs: SLOT_MS,
    toGenesisMs: 8_000,
    ...(existsSync(built) ? { main: built } : {}),
  });
  const tab = await Tab.open(chromium ?? "");
  try {
    const [node, , , other] = run.nodes;
    assert.ok(node !== undefined && other !== undefined);
    await Promise.all(run.nodes.map((one) => one.ready(120_000)));
    const address = `http://127.0.0.1:${node.monitoringPort}/`;
    await tab.goTo(address);

    await tab.until(`document.querySelectorAll('#operators [data-state="direct"]').length === 3`, 30_000);
    await tab.until(`document.querySelector('[data-kind="attester"] [data-state="done"]') !== null`, 90_000);
    assert.equal(await tab.text("h1"), NAME);
    assert.equal(await tab.evaluate("window.owned === undefined"), true, "the cluster's name was run");
    assert.equal(await tab.evaluate("document.images.length"), 1, "an image that is not ours");
    assert.ok((await tab.text("#latency")).includes("Attestations"));

    // The keyboard leads from cell to cell, and each has its story.
    await tab.evaluate(`{
      const cell = document.querySelector('[data-kind="attester"] [data-state="done"]');
      cell.focus();
      cell.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
    }`);
    assert.match(await tab.text("#duty"), /^Slot \d+, attestation: on time\s.*agreed in round/s);

    // The browser itself refuses HTML out of text, so that a slip in the page cannot open it.
    const refused = `(() => { try { document.body.innerHTML = "<b>"; return "taken"; } catch (e) { return e.name; } })()`;
    assert.equal(await tab.evaluate(refused), "TypeError");
    assert.deepEqual(
      tab.complaints.filter((said) => !said.includes("TrustedHTML")),
      [],
    );
    assert.deepEqual(
      tab.asked.filter((url) => !url.startsWith(address)),
      [],
      "the page asked somebody else",
    );

    await other.end("SIGKILL");
    await tab.until(`document.querySelector('[data-operator="3"]')?.dataset.state === "away"`, 30_000);
    await tab.until(
      `document.querySelector("#verdict").innerText.includes("operator-3 is not connected")`,
      10_000,
    );

    await node.end("SIGKILL");
    await tab.until(`document.body.classList.contains("stale")`, 30_000);
    assert.match(await tab.text("#announcement"), /^The node does not answer/);
    assert.match(await tab.text("#verdict"), /The node does not answer. What you see is of .*, and old/);
  } finally {
    await tab.close();
    await run.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
