/** Everything a node is told, complete and checked; made by the command line from flags, environment and file. */
export interface RunConfig {
  /** The node's folder, laid out as Charon's; our own state lies in `trireme/` below it. */
  readonly dataDir: string;
  readonly lockFile: string;
  readonly privateKeyFile: string;
  readonly validatorKeysDir: string;
  readonly noVerify: boolean;
  /** URL of an execution client, asked about wallets that are contracts; "" without one. */
  readonly executionClientRpcEndpoint: string;
  /** The operator's word that nothing ever signed with these keys, so that a new slashing memory knows everything. */
  readonly freshKeys: boolean;
  /** URLs. */
  readonly beaconNodeEndpoints: readonly string[];
  /** By name in small letters; sent with every request to a beacon node. */
  readonly beaconNodeHeaders: Readonly<Record<string, string>>;
  readonly beaconNodeTimeoutMs: number;
  /** "host:port" */
  readonly p2pTcpAddresses: readonly string[];
  /** Told to peers instead of the listening address. */
  readonly p2pExternalIp: string;
  readonly p2pExternalHostname: string;
  /** Multiaddrs or URLs. */
  readonly p2pRelays: readonly string[];
  /** Multiaddrs of peers. */
  readonly p2pPeers: readonly string[];
  /** "host:port" */
  readonly monitoringAddress: string;
  readonly validatorApi: ValidatorApiConfig;
  readonly builderApi: boolean;
  readonly graffiti: string;
  readonly nickname: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly logFormat: "console" | "json" | "logfmt";
  readonly logColor: "auto" | "force" | "disable";
  readonly privateKeyFileLock: boolean;
  readonly testnet:
    | {
        readonly name: string;
        readonly chainId: number;
        readonly forkVersion: string;
        readonly genesisTimestamp: number;
      }
    | undefined;
}

/** The API for a validator client. */
export interface ValidatorApiConfig {
  /** A validator client signs, whatever keystores lie in the folder; otherwise it signs when there are none. */
  readonly wanted: boolean;
  /** The client asks nobody for the cluster's selection proofs: the keystores sign these, aggregates and contributions. */
  readonly keystoresAggregate: boolean;
  /** "host:port" */
  readonly address: string;
  /** PEM files; plain HTTP without. */
  readonly tls: { readonly certificateFile: string; readonly keyFile: string } | undefined;
}
