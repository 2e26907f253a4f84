import { proto, toHex } from "../base/index.ts";
import { hashBytesRoot } from "../crypto/index.ts";
import { PRIORITIES_MAX, TOPICS_MAX } from "./limits.ts";
import type { AnyMessage, PriorityMessage, TopicProposal, TopicResult } from "./wire.ts";

/** Being named by one operator more outweighs every place in the order. */
const NAMED_WEIGHT = PRIORITIES_MAX;

/** Names a topic or a priority: they are equal when their encodings are. */
function nameOf(any: AnyMessage | undefined): string {
  return toHex(hashBytesRoot(any === undefined ? new Uint8Array(0) : proto.Any.encode(any)));
}

/** Why nobody honest sends this message; undefined when all is well. */
export function faultOf({ topics }: PriorityMessage): string | undefined {
  if (topics.length > TOPICS_MAX) return "too many topics";
  if (hasDuplicates(topics.map(({ topic }) => topic))) return "a topic twice";
  for (const { priorities } of topics) {
    if (priorities.length >= PRIORITIES_MAX) return "too many priorities";
    if (hasDuplicates(priorities)) return "a priority twice";
  }
  return undefined;
}

function hasDuplicates(items: readonly (AnyMessage | undefined)[]): boolean {
  return new Set(items.map(nameOf)).size < items.length;
}

/**
 * What the operators share: of each topic the priorities that `threshold` of them named, those named by more before
 * those named by fewer, then by their places in the operators' orders, then by who named them first (operators by peer id).
 * Every operator gets the same from the same messages, byte for byte (Charon's core/priority).
 */
export function calculate(messages: readonly PriorityMessage[], threshold: number): readonly TopicResult[] {
  const byTopic = new Map<string, TopicProposal[]>();
  for (const { topics } of messages.toSorted((a, b) => compare(a.peerId, b.peerId))) {
    for (const proposal of topics) {
      const name = nameOf(proposal.topic);
      byTopic.set(name, [...(byTopic.get(name) ?? []), proposal]);
    }
  }
  return [...byTopic]
    .toSorted(([a], [b]) => compare(a, b))
    .map(([, proposals]) => ({ topic: proposals[0]?.topic, priorities: rank(proposals, threshold) }));
}

function rank(proposals: readonly TopicProposal[], threshold: number): TopicResult["priorities"] {
  const scores = new Map<string, { readonly priority: AnyMessage; readonly score: number }>();
  for (const { priorities } of proposals) {
    for (const [place, priority] of priorities.entries()) {
      const name = nameOf(priority);
      scores.set(name, { priority, score: (scores.get(name)?.score ?? 0) + NAMED_WEIGHT - place });
    }
  }
  return [...scores.values()]
    .filter(({ score }) => score > (threshold - 1) * NAMED_WEIGHT)
    .toSorted((a, b) => b.score - a.score);
}

/** Byte order, as Go compares strings; peer ids and hex digests are ASCII. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
