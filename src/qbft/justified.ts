import { distinct, preparedByAll } from "./select.ts";
import { NO_VALUE, type QbftConfig, type QbftMessage, quorum, type ValueId } from "./types.ts";

/**
 * Whether a message proves what it claims. What does not is dropped before it can count.
 *
 * @spec arXiv:2002.03613 Algorithm 4
 */
export function isJustified(config: QbftConfig, message: QbftMessage): boolean {
  switch (message.kind) {
    case "pre-prepare":
      return isJustifiedPrePrepare(config, message);
    case "prepare":
    case "commit":
      return message.value !== NO_VALUE;
    case "round-change":
      return isJustifiedRoundChange(config, message);
    case "decided":
      return (
        message.value !== NO_VALUE &&
        distinct(message.justification, { kind: "commit", round: message.round, value: message.value })
          .length >= quorum(config.operatorCount)
      );
  }
}

/** Line 1-3: only the leader proposes; after round 1 it must propose what may have been decided before. */
function isJustifiedPrePrepare(config: QbftConfig, message: QbftMessage): boolean {
  if (message.source !== config.leader(message.round) || message.value === NO_VALUE) return false;
  if (message.round === 1) return true;
  const bound = boundValue(config, message.justification, message.round);
  return bound !== undefined && (bound.only === undefined || bound.only === message.value);
}

/** What a quorum of ROUND-CHANGEs binds its leader to: one value, or none in particular; undefined when they prove nothing. */
function boundValue(
  config: QbftConfig,
  justification: readonly QbftMessage[],
  round: number,
): { readonly only: ValueId | undefined } | undefined {
  const changes = distinct(justification, { kind: "round-change", round });
  if (changes.length < quorum(config.operatorCount)) return undefined;
  if (changes.every((change) => change.preparedRound === 0 && change.preparedValue === NO_VALUE))
    return { only: undefined };
  const prepared = preparedByAll(config, justification);
  if (prepared === undefined) return undefined;
  const noneHigher = changes.every((change) => change.preparedRound <= prepared.round);
  const claimed = changes.some(
    (change) => change.preparedRound === prepared.round && change.preparedValue === prepared.value,
  );
  return noneHigher && claimed ? { only: prepared.value } : undefined;
}

/** A claim to have prepared a value comes with the quorum of PREPAREs; no claim comes with nothing. */
function isJustifiedRoundChange(config: QbftConfig, message: QbftMessage): boolean {
  if (message.justification.length === 0)
    return message.preparedRound === 0 && message.preparedValue === NO_VALUE;
  const prepared = preparedByAll(config, message.justification);
  return (
    prepared !== undefined &&
    message.justification.every((part) => part.kind === "prepare") &&
    prepared.value !== NO_VALUE &&
    prepared.round === message.preparedRound &&
    prepared.round < message.round &&
    prepared.value === message.preparedValue
  );
}
