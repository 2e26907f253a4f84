/**
 * Asks the node for its status and for the duties that changed, again and again; less and less often while it does not
 * answer, and not at all while nobody looks at the page.
 *
 * @import { NodeStatus, StartingStatus } from "../../node/index.ts"
 * @import { DutyDigest, DutyDigests } from "../../telemetry/index.ts"
 */

const EVERY_MS = 2_000;
const AGAIN_MAX_MS = 30_000;
const PATIENCE_MS = 5_000;
/** Slots that are kept and shown. */
export const SLOTS = 64;

/**
 * Everything that the page knows.
 *
 * @typedef {object} Known
 * @property {NodeStatus} status
 * @property {ReadonlyMap<string, DutyDigest>} duties By "<slot>/<kind>".
 * @property {Readonly<Record<string, string>>} causes What causes mean.
 * @property {number} slot The slot at the time of the answer; negative before genesis.
 * @property {number} answeredAt On the steady clock of the browser.
 */

/** @type {Known | undefined} */
let known;
let token = "";

/**
 * @param {object} tell
 * @param {(known: Known) => void} tell.answered
 * @param {(status: StartingStatus) => void} tell.starts
 * @param {(why: string) => void} tell.failed
 */
export async function keepAsking({ answered, starts, failed }) {
  for (let failures = 0; ; ) {
    let waitMs = EVERY_MS;
    try {
      const now = await askOnce();
      failures = 0;
      if ("starting" in now) starts(now);
      else answered((known = now));
    } catch (error) {
      waitMs = Math.min(AGAIN_MAX_MS, EVERY_MS * 2 ** failures++);
      failed(error instanceof Error ? error.message : String(error));
    }
    await pause(waitMs);
    await untilLookedAt();
  }
}

/** @returns {Promise<Known | StartingStatus>} */
async function askOnce() {
  const [status, digests] = /** @type {[NodeStatus | StartingStatus, DutyDigests]} */ (
    await Promise.all([json("status"), json(`duties?digest&since=${encodeURIComponent(token)}`)])
  );
  if ("starting" in status) return status;
  const { genesisTime, slotMs } = status.chain;
  const slot = Math.floor((status.at - genesisTime) / slotMs);
  const duties = new Map(digests.whole ? [] : known?.duties);
  for (const duty of digests.duties) duties.set(`${duty.slot}/${duty.kind}`, duty);
  for (const [name, duty] of duties) if (duty.slot <= slot - SLOTS) duties.delete(name);
  token = digests.token;
  const causes = { ...known?.causes, ...digests.causes };
  return { status, duties, causes, slot, answeredAt: performance.now() };
}

/** @param {string} path */
async function json(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return await answer.json();
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @returns {Promise<void>} */
function untilLookedAt() {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    look();
  });
}
