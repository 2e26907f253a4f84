import { proto } from "../base/index.ts";

/**
 * The messages of Charon's ceremony, package dkg.dkgpb.v1, and of its exchange of partial signatures. Charon refuses a
 * message in which a sub-message is absent, so those are always written, and demanded here too.
 */

/** One step of the sync protocol; framed by eight bytes of length, little-endian. */
export const MsgSync = proto.message({
  timestamp: proto.sub(1, proto.Timestamp),
  hashSignature: proto.bytes(2),
  shutdown: proto.bool(3),
  version: proto.string(4),
  step: proto.int64(5),
  nickname: proto.string(6),
});
export type MsgSync = proto.Infer<typeof MsgSync>;
export const MsgSyncResponse = proto.message({
  syncTimestamp: proto.sub(1, proto.Timestamp),
  error: proto.string(2),
});

export const BCastSigRequest = proto.message({
  id: proto.string(1),
  message: proto.sub(3, proto.Any),
  /** Ours, and Charon passes over it: shown.ts. */
  proof: proto.bytes(1001),
});
export const BCastSigResponse = proto.message({ id: proto.string(1), signature: proto.bytes(2) });
export const BCastMessage = proto.message({
  id: proto.string(1),
  message: proto.sub(2, proto.Any),
  signatures: proto.repeatedBytes(3),
});

const FrostMsgKey = proto.message({
  valIdx: proto.uint32(1),
  sourceId: proto.uint32(2),
  targetId: proto.uint32(3),
});
export const FrostRound1Casts = proto.message(
  {
    casts: proto.repeated(
      1,
      proto.message({
        key: proto.sub(1, FrostMsgKey),
        wi: proto.bytes(2),
        ci: proto.bytes(3),
        commitments: proto.repeatedBytes(4),
      }),
    ),
  },
  proto.byBytes,
);
export const FrostRound1P2P = proto.message(
  {
    shares: proto.repeated(
      1,
      proto.message({ key: proto.sub(1, FrostMsgKey), id: proto.uint32(2), value: proto.bytes(3) }),
    ),
  },
  proto.byBytes,
);
export const FrostRound2Casts = proto.message(
  {
    casts: proto.repeated(
      1,
      proto.message({
        key: proto.sub(1, FrostMsgKey),
        verificationKey: proto.bytes(2),
        vkShare: proto.bytes(3),
      }),
    ),
  },
  proto.byBytes,
);

export const NodePubKeyMessage = proto.message({
  sessionId: proto.bytes(1),
  publicKey: proto.bytes(2),
  /** Only in resharing: absent otherwise. */
  shares: proto.sub(3, proto.message({ publicKeyShares: proto.repeatedBytes(1) })),
});
export const PedersenDealBundle = proto.message({
  dealerIndex: proto.uint32(1),
  deals: proto.repeated(2, proto.message({ shareIndex: proto.uint32(1), encryptedShare: proto.bytes(2) })),
  public: proto.repeatedBytes(3),
  sessionId: proto.bytes(4),
  signature: proto.bytes(5),
});
export const PedersenResponseBundle = proto.message({
  shareIndex: proto.uint32(1),
  responses: proto.repeated(2, proto.message({ dealerIndex: proto.uint32(1), status: proto.bool(2) })),
  sessionId: proto.bytes(3),
  signature: proto.bytes(4),
  /** Ours; Charon passes over it. */
  evidence: proto.repeated(
    1001,
    proto.message({
      deal: proto.sub(1, PedersenDealBundle),
      shared: proto.bytes(2),
      challenge: proto.bytes(3),
      response: proto.bytes(4),
    }),
  ),
});
export const PedersenJustificationBundle = proto.message({
  dealerIndex: proto.uint32(1),
  justifications: proto.repeated(2, proto.message({ shareIndex: proto.uint32(1), share: proto.bytes(2) })),
  sessionId: proto.bytes(3),
  signature: proto.bytes(4),
});
export const ValidatorPubKeyShareMessage = proto.message({
  sessionId: proto.bytes(1),
  publicKeyShare: proto.bytes(2),
  /** Ours, and Charon passes over both: which validator, from 1, and the digest of all that its dealers dealt. */
  validator: proto.uint32(1001),
  dealt: proto.bytes(1002),
});
/** Among Triremes: the deal bundles that an operator got, for one that got others. */
export const PedersenDealt = proto.message({ bundles: proto.repeated(1, PedersenDealBundle) });

export const MsgNodeSig = proto.message({ signature: proto.bytes(1), peerIndex: proto.uint32(2) });

/** ParSigExMsg: all partial signatures of one operator for one purpose. */
export const PartialSignatures = proto.message(
  {
    duty: proto.sub(1, proto.message({ slot: proto.uint64(1), type: proto.int32(2) })),
    dataSet: proto.sub(
      2,
      proto.message({
        set: proto.map(1, (id) =>
          proto.sub(
            id,
            proto.message({ data: proto.bytes(1), signature: proto.bytes(2), shareIdx: proto.int32(3) }),
          ),
        ),
      }),
    ),
  },
  proto.byBytes,
);
