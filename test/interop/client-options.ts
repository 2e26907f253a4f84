/** What every validator client beside a node is told. */
export interface ClientOptions {
  /** The client's program. */
  readonly bin: string;
  readonly name: string;
  /** Its own folder, made with what the client needs in it. */
  readonly folder: string;
  /** A node's validator_keys folder: the shares that it signs with. */
  readonly keystores: string;
  /** The distributed-validator node that it takes for a beacon node. */
  readonly validatorApi: string;
  /** Where the chain's configuration is read from. */
  readonly beaconNode: string;
  readonly logFile: string;
  readonly slotMs: number;
  /** A free port, for clients that listen on one. */
  readonly port: number;
  readonly feeRecipient: string;
  readonly gasLimit: number;
  /** Whether it registers with builders and takes their blocks. */
  readonly builder: boolean;
}
