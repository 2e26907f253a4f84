/** Every cap of this room in one place, each with its reason. Times are milliseconds. */
export const LIMITS = {
  /** Largest message of partial signatures: a block of 10 MiB (the network's own limit) and its blobs, up to 128 of 128 KiB. */
  messageBytesMax: 28 * 1024 * 1024,
  /** An honest peer sends about eight messages a slot; after it reconnects, those of an epoch at once. */
  messagesPerSecondMax: 100,
  messagesBurstMax: 600,
  /** A block with blobs over a slow line. */
  receiveTimeoutMs: 5_000,
  /** An exit, a registration, a selection proof or a bare signature as JSON: some 600 bytes, and room. */
  smallJsonBytesMax: 2 * 1024,
  /** Any other JSON but that of a block: an aggregate with the bits of all attesters has 35 kB. */
  jsonBytesMax: 128 * 1024,
  /**
   * Items in the lists of a block with its blobs: 128 blobs have 16 384 proofs, and 340 million gas holds as many
   * transactions. A transaction takes 13 microseconds to hash, however short it is; a million of them are 4 MB.
   */
  blockItemsMax: 32_768,
  /** Blocks of one peer's partial signatures that are read while a slot lasts; an honest one has one, and after a lost connection some. */
  blocksReadPerSlotMax: 4,
  /** A block as JSON, which Charon writes in its tests alone. */
  blockJsonBytesMax: 512 * 1024,
  /** Signatures of validator clients that are judged in one go, of those who have signed well: some ten milliseconds of a thread. */
  judgedPerPiece: 32,
  /**
   * How often wrong signatures are judged: each takes some 1.3 ms, so they cost a third of a core at the most, and somebody new
   * beside a thousand connections that send them has his turn in four seconds.
   */
  wrongEveryMs: 4,
  /** They may be so much ahead of that: a client with keystores of another operator is told so at once. */
  wrongAheadMs: 500,
  /** Wrong signatures that are remembered, and cost nothing when they come again. */
  wrongRemembered: 8_192,
  /** Signatures that wait to be judged: those of two epochs of 3 000 validators, and as many again of others. */
  judgedWaitingMax: 16_384,
  /** Validators in one set. Clusters of 3 000 validators exist, and on a small chain all of them may attest in one slot. */
  validatorsPerSetMax: 8_192,
  /** A message of partial signatures up to this size is read at once: some fifty votes, half a millisecond. */
  readAtOnceBytesMax: 32 * 1024,
  /** Partial signatures of a message that are decoded and hashed in one go, and their bytes: some five milliseconds, measured. */
  partialsPerTurn: 128,
  partialBytesPerTurn: 256 * 1024,
  /** Duties for which one peer may hold partial signatures here: three epochs of a dozen kinds, and room. */
  dutiesPerPeerMax: 2_048,
  /** Bytes of partial signatures kept for one peer: some blocks with blobs, and every vote of an epoch. */
  bytesPerPeerMax: 96 * 1024 * 1024,
  /** Messages waiting for one peer that cannot be reached: the duties of an epoch of all kinds. The oldest goes first. */
  unsentPerPeerMax: 512,
  /** How long after it was written a message may be lost with its connection: until a dead one is noticed. */
  mayBeLostMs: 30_000,
  /** The first wait before something is tried again, and the longest. */
  retryFirstMs: 100,
  retryMaxMs: 2_000,
  /** How far into the future a duty of a peer may lie: Charon's own gate (core/gater.go). */
  futureEpochsMax: 2,
  /** How long the randao is signed before its slot, and at least one slot. */
  randaoLeadMs: 4_000,
  /** When selection proofs are begun, as a part of the slot: after the votes and before the aggregates. */
  quietTime: 0.5,
  /** How long our beacon node may take to contradict a proposed vote, as a part of the slot and from its due time on. */
  viewWait: 1 / 40,
  /** How long our beacon node may take to find the parent of a proposed block, as a part of the slot from then on. */
  parentWait: 1 / 10,
  /** Slots by which a proposed block's parent may be older than our head: a late head is built around. */
  parentBehindMax: 2,
  /** Validators whose selection proofs are begun in one slot: a large cluster's next epoch must not be signed all at once. */
  earlyPerSlotMax: 512,
  /** A slot whose start we notice later than this part of a slot was missed: nothing useful can be started in it. */
  slotStartLateMax: 0.9,
  /** Blocks remembered for inclusion: two epochs of them. */
  blocksSeenMax: 256,
  /** Whole epochs without a double before a node signs with a memory that may not know everything: what validator clients take. */
  watchEpochs: 2,
  /** A shorter time that passes unnoticed is that of a machine with too much to do, also where epochs are seconds. */
  sleepMsMin: 60_000,
  /** How long the slashing memory may take to record votes before it is said that it does not, as a part of the slot. */
  diskPatience: 1 / 4,
  /** How old the head may be, in epochs, for its beacon node to be believed at once that nobody signs. */
  presentEpochs: 1 / 4,
  /** How long after the end of an epoch it is asked who signed in it: its last votes are in the next block or the one after. */
  watchLagSlots: 2,
  /** Validators seen signing without this cluster that are named; the others are counted. */
  unexplainedNamedMax: 8,
  /** How long a validator client has to pause before the signatures that it sent one by one leave in one message. */
  gatherPauseMs: 40,
  /** The longest that the first of them waits for the others. */
  gatherMaxMs: 120,
  /** When a client that asks for an aggregate is told that nobody aggregates: so long after the aggregate was due. */
  aggregatorsKnownMs: 100,
  /** Builder registrations in one request to the beacon node: some 250 kB. */
  registrationsPerRequest: 500,
  /** Exits, and registrations, of one validator that are kept of one share; an operator makes one. */
  standingPerShareMax: 4,
  /** Partial signatures of exits and registrations of one peer that may wait to be verified. */
  standingWaitingMax: 8_192,
  /** ... of which so many are verified and written at a time, so that duties go first. */
  standingPerTurn: 64,
  /** How long stop() waits for duties that are already being signed. */
  stopGraceMs: 4_000,
  /** How long stop() then waits for aborted work to end. */
  stopAbortMs: 500,
} as const;
