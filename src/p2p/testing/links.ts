import assert from "node:assert/strict";
import type { Connection } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { type Logger, silent, unmetered } from "../../ports/index.ts";
import type { OperatorIndex } from "../../spec/index.ts";
import { type Link, Links } from "../links.ts";
import { Roster } from "../roster.ts";
import { Violations } from "../violations.ts";
import { newKey } from "./hosts.ts";

/** Links to operators 1 and up, over connections that are nothing but open or closed. */
export function fakeLinks(
  operatorCount = 2,
  { onReturn = () => {}, log = silent }: { onReturn?: (operator: OperatorIndex) => void; log?: Logger } = {},
): {
  readonly all: Links;
  readonly roster: Roster;
  /** To operator 1, unless another is named. */
  connect(options?: { relayed?: boolean; operator?: number; dialled?: boolean }): Link;
} {
  const keys = Array.from({ length: operatorCount }, newKey);
  const operators = keys.map(({ publicKey }, index) => ({ index: index as OperatorIndex, publicKey }));
  const roster = new Roster(operators, 0 as OperatorIndex, keys[0]?.revealBytes() ?? new Uint8Array(0));
  const violations = new Violations({ log: silent, meter: unmetered, now: () => 0, onExcess: () => {} });
  const all = new Links({ roster, log, meter: unmetered, violations, onReturn });
  let id = 0;
  const connect = (options: { relayed?: boolean; operator?: number; dialled?: boolean } = {}): Link => {
    const connection = Object.assign(new EventTarget(), {
      id: String(id++),
      remotePeer: roster.peer((options.operator ?? 1) as OperatorIndex)?.peerId,
      remoteAddr: multiaddr("/ip4/8.8.8.8/tcp/3610"),
      direct: options.relayed !== true,
      direction: options.dialled === true ? "outbound" : "inbound",
      streams: [],
      limits: options.relayed === true ? { seconds: 60 } : undefined,
      status: "open",
      abort: () => {
        connection.status = "aborted";
        connection.dispatchEvent(new Event("close"));
      },
    });
    const link = all.add(connection as unknown as Connection);
    assert.ok(link !== undefined);
    return link;
  };
  return { all, roster, connect };
}
