import { proto, toHex } from "../base/index.ts";

/** app.peerinfopb.v1.PeerInfo: what operators tell each other about themselves. */
const PeerInfo = proto.message({
  version: proto.string(1),
  lockHash: proto.bytes(2),
  sentAt: proto.sub(3, proto.Timestamp),
  gitHash: proto.string(4),
  startedAt: proto.sub(5, proto.Timestamp),
  builderEnabled: proto.bool(6),
  nickname: proto.string(7),
  dvClient: proto.string(8),
});

export const PEERINFO_PROTOCOL = "/charon/peerinfo/2.0.0";

export interface OwnInfo {
  readonly version: string;
  readonly lockHash: Uint8Array;
  readonly startedAt: number;
  readonly nickname: string;
  readonly builderEnabled: boolean;
}

export interface HeardInfo {
  readonly version: string;
  readonly dvClient: string;
  readonly nickname: string;
  readonly lockHash: string;
  readonly gitHash: string;
  readonly startedAt: number | undefined;
  readonly builderEnabled: boolean;
  /** Their clock minus ours, in milliseconds. */
  readonly clockOffsetMs: number | undefined;
}

const timestamp = (ms: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(ms / 1000),
  nanos: (ms % 1000) * 1_000_000,
});
const TEXT_MAX = 64;
const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, "").slice(0, TEXT_MAX);

/** Charon drops an answer without times, or whose git hash is neither seven hexadecimal digits nor "unknown". */
export function encodeInfo(own: OwnInfo, now: number): Uint8Array {
  return PeerInfo.encode({
    version: own.version,
    lockHash: own.lockHash,
    sentAt: timestamp(now),
    gitHash: "unknown",
    startedAt: timestamp(own.startedAt),
    builderEnabled: own.builderEnabled,
    nickname: own.nickname.slice(0, 32),
    dvClient: "trireme",
  });
}

/**
 * @param askedAt - When we sent our question; the answer's time is compared with the middle of the exchange.
 * @throws ProtoError
 */
export function decodeInfo(bytes: Uint8Array, askedAt: number, now: number): HeardInfo {
  const info = PeerInfo.decode(bytes);
  const toMs = (at: { seconds: number; nanos: number } | undefined): number | undefined =>
    at === undefined ? undefined : at.seconds * 1000 + at.nanos / 1e6;
  const sentAt = toMs(info.sentAt);
  return {
    version: printable(info.version),
    // Charon says who it is only since v1.11.
    dvClient: printable(info.dvClient) || "charon",
    nickname: printable(info.nickname),
    lockHash: toHex(info.lockHash),
    gitHash: printable(info.gitHash),
    startedAt: toMs(info.startedAt),
    builderEnabled: info.builderEnabled,
    clockOffsetMs: sentAt === undefined ? undefined : sentAt - (askedAt + now) / 2,
  };
}
