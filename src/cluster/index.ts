/**
 * The files that operators share and the folder of a node: cluster definition and lock of versions v1.0 to v1.11 with their
 * hashes and signatures, ENRs, deposit data, key shares in keystores; making a cluster by splitting keys, and bringing
 * shares back together. Bytes and layout are Charon's. Does not run anything.
 */

export { type CombinedKeys, combineFolders } from "./combine-folders.ts";
export {
  type CreatedCluster,
  type CreateOptions,
  createCluster,
  shortKey,
} from "./create.ts";
export {
  checkDepositAmounts,
  defaultDepositAmounts,
  depositFileName,
  depositSigningRoot,
  GWEI_PER_ETH,
  registrationSigningRoot,
  withdrawalCredentials,
  writeDepositFile,
} from "./deposit.ts";
export { typedDataJson } from "./eip712.ts";
export { type Enr, encodeEnr, parseEnr } from "./enr.ts";
export { ClusterError } from "./errors.ts";
export type { Finding } from "./finding.ts";
export { unfinishedDrafts, writeClusterFolders, writeCombined } from "./folders.ts";
export { lockHash } from "./hash-lock.ts";
export { type FolderReport, inspectFolder } from "./inspect-folder.ts";
export { ranges } from "./inspect-shares.ts";
export { type KeysToSplit, readKeysToSplit } from "./keys-to-split.ts";
export { type OpenedKeystore, readKeystores, sealKey, writeKeystores } from "./keystore-files.ts";
export {
  clusterOf,
  loadNodeKey,
  namesIn,
  operatorOfKey,
  readLock,
  readText,
  verifiedCluster,
} from "./load.ts";
export {
  type Definition,
  type DepositData,
  type DistributedValidator,
  type Lock,
  type Registration,
  VERSIONS,
  type Version,
  WALLET_SIGNATURE_BYTES,
  WALLET_SIGNATURES_MAX,
} from "./model.ts";
export { type Network, networkByForkVersion, networkByName, networks } from "./networks.ts";
export {
  checkRequest,
  checkWithdrawals,
  type DefinitionRequest,
  defaultThreshold,
  hasRealMoney,
  newDefinition,
  readAddress,
} from "./new-definition.ts";
export { createNodeKey } from "./node-key.ts";
export { alreadyThere, refuseExisting } from "./on-disk.ts";
export { parseDefinition, parseLock } from "./read.ts";
export {
  mergeDefinitions,
  missingSigners,
  presentSigners,
  type SigningRequest,
  seatOperator,
  signingRequests,
  signWithKey,
  type WalletSignatures,
  withSignatures,
} from "./sign-definition.ts";
export type { Cluster, ClusterValidator, Operator } from "./types.ts";
export { type ValidatorSettings, validatorSettings } from "./validator-settings.ts";
export {
  type DepositMessage,
  depositAmountsOf,
  depositsToSign,
  type GroupSignatures,
  makeLock,
  makeValidators,
  type RegistrationMessage,
  registrationsToSign,
  type ToSign,
  type ValidatorKeys,
  withHashes,
} from "./validators.ts";
export { verifyDefinitionHashes, verifyDefinitionSignatures, verifySigners } from "./verify.ts";
export { type Check, lockChecks, verifyLock } from "./verify-lock.ts";
export {
  type ContractAnswer,
  type ContractAnswers,
  type ContractQuestion,
  contractQuestions,
  nameOf,
  questionKey,
  type Signer,
} from "./wallet-claims.ts";
export { writeDefinition, writeLock } from "./write.ts";
