/**
 * The beacon API that a validator client sees: a beacon node whose validators go by the public shares of this operator.
 * Answers from what the cluster decided, hands the client's partial signatures to the duty pipeline, translates keys, and
 * passes everything else through to the beacon node. Decides nothing about duties and checks no signature: the port
 * DutyDesk does.
 */
export {
  createValidatorApi,
  type ValidatorApi,
  type ValidatorApiOptions,
  type ValidatorApiPorts,
  type ValidatorApiStatus,
} from "./api.ts";
export { VALIDATOR_CLIENTS, type ValidatorClientTraits } from "./clients.ts";
export type { ApiValidator } from "./key-book.ts";
export { type ListenOptions, listen } from "./start.ts";
