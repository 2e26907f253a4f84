import { setTimeout as sleep } from "node:timers/promises";
import {
  concatBytes,
  DvError,
  fromHex,
  type Hex,
  type HttpAddress,
  readHttpAddress,
  toHex,
} from "../base/index.ts";
import {
  type ContractAnswer,
  type ContractAnswers,
  type ContractQuestion,
  questionKey,
} from "../cluster/index.ts";
import { ExecutionError } from "./errors.ts";
import { badAnswer, type CallLimits, callMethod } from "./json-rpc.ts";
import { EXECUTION_LIMITS, type ExecutionLimits } from "./limits.ts";

/** First bytes of keccak256("isValidSignature(bytes32,bytes)"): the method, and what it answers when it accepts. */
const MAGIC = fromHex("0x1626ba7e");
const WORD_BYTES = 32;
/** JSON-RPC's code for a call that the contract reverted (geth and most others). */
const REVERTED = 3;

/** How long answers are waited for: within limits, and until the signal fires. */
interface Patience {
  readonly limits?: ExecutionLimits;
  readonly signal?: AbortSignal;
}

/**
 * Asks contracts whether they take signatures for their own (ERC-1271), as they are on the chain's latest block.
 *
 * @param endpoint - An http or https URL of an execution node's JSON-RPC; "" asks nobody.
 * @returns An answer to every question: that nobody could be asked is one too, with the reason.
 * @throws The signal's reason, at once when it fires; nothing else.
 * @spec ERC-1271
 */
export async function askContracts(
  endpoint: string,
  questions: readonly ContractQuestion[],
  { limits = EXECUTION_LIMITS, signal = new AbortController().signal }: Patience = {},
): Promise<ContractAnswers> {
  const calls = { ...limits, signal };
  const answers = new Map<string, ContractAnswer>();
  const [first] = questions;
  if (endpoint === "" || first === undefined) return answers;
  let failure: DvError | undefined;
  try {
    const node = readEndpoint(endpoint);
    await requireChain(node, first.chainId, calls);
    for (const question of questions) answers.set(questionKey(question), await ask(node, question, calls));
  } catch (error) {
    if (!(error instanceof DvError)) throw error;
    failure = error;
  }
  if (failure !== undefined)
    for (const question of questions)
      if (!answers.has(questionKey(question)))
        answers.set(questionKey(question), { accepts: undefined, failure });
  return answers;
}

function readEndpoint(endpoint: string): HttpAddress {
  const address = readHttpAddress(endpoint);
  if (address !== undefined) return address;
  throw new ExecutionError("execution/refused", "read the address of the execution client", {
    facts: { wanted: "an http or https URL" },
    hint: "Write it like http://127.0.0.1:8545 in --execution-client-rpc-endpoint.",
  });
}

/** The same address may be another contract on another chain. */
async function requireChain(node: HttpAddress, wanted: number, limits: CallLimits): Promise<void> {
  const method = "eth_chainId";
  const said = await patiently(() => callMethod(node, method, [], limits), limits);
  if (typeof said !== "string" || !/^0x[0-9a-f]{1,16}$/i.test(said))
    throw badAnswer({ node: node.name, method }, JSON.stringify(said).slice(0, 80));
  if (BigInt(said) === BigInt(wanted)) return;
  throw new ExecutionError("execution/other-chain", "ask the execution client for its chain", {
    facts: { node: node.name, found: Number(BigInt(said)), wanted },
    hint: "Name an execution client of the cluster's network in --execution-client-rpc-endpoint.",
  });
}

/** Tries again while nothing answers: the node may be starting beside us. */
async function patiently<T>(work: () => Promise<T>, { patienceMs, retryMs, signal }: CallLimits): Promise<T> {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isAway = error instanceof ExecutionError && error.code === "execution/unavailable";
      if (!isAway || performance.now() + retryMs > end) throw error;
    }
    await sleep(retryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function ask(
  node: HttpAddress,
  { address, digest, signature }: ContractQuestion,
  limits: CallLimits,
): Promise<ContractAnswer> {
  const method = "eth_call";
  const call = { to: address, data: callData(digest, signature) };
  let said: unknown;
  try {
    said = await callMethod(node, method, [call, "latest"], limits);
  } catch (error) {
    const why = revertReason(error);
    if (why === undefined) throw error;
    return { accepts: false, why: `it refuses to judge this signature (${why})` };
  }
  if (said === "0x")
    return {
      accepts: false,
      why: "there is none at this address, or it judges no signatures; the node may also be behind",
    };
  const word = readWord(said);
  if (word === undefined) throw badAnswer({ node: node.name, method }, JSON.stringify(said).slice(0, 80));
  if (MAGIC.every((byte, i) => word[i] === byte)) return { accepts: true };
  return { accepts: false, why: "it says that this is not its signature" };
}

/** What the contract gave as its reason; undefined where something else went wrong. Nodes agree on the word only. */
function revertReason(error: unknown): string | undefined {
  if (!(error instanceof ExecutionError) || error.code !== "execution/refused") return undefined;
  const { errorCode, reason } = error.facts;
  const said = String(reason);
  return errorCode === REVERTED || /revert/i.test(said) ? said : undefined;
}

/** The call `isValidSignature(digest, signature)`, encoded as contracts expect it. */
function callData(digest: Uint8Array, signature: Uint8Array): Hex {
  const padding = new Uint8Array((WORD_BYTES - (signature.length % WORD_BYTES)) % WORD_BYTES);
  return toHex(concatBytes(MAGIC, digest, word(2 * WORD_BYTES), word(signature.length), signature, padding));
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(WORD_BYTES);
  new DataView(bytes.buffer).setUint32(WORD_BYTES - 4, value);
  return bytes;
}

/** The first word of a result; undefined where there is not a whole one. */
function readWord(result: unknown): Uint8Array | undefined {
  if (typeof result !== "string" || !/^0x(?:[0-9a-f]{2})+$/i.test(result)) return undefined;
  const bytes = fromHex(result);
  return bytes.length < WORD_BYTES ? undefined : bytes.subarray(0, WORD_BYTES);
}
