/**
 * Serving HTTP: a request handler (`(request: Request) => Promise<Response>`) on a port with bounds on everything a client
 * can hold, routes as a table, and reading what came in the forms that the APIs of this field share. Knows no API.
 */
export { acceptsOnlySsz, acceptsSsz, json, octets } from "./answer.ts";
export { ConnectionCap } from "./connection-cap.ts";
export { isOwnHost } from "./host-rule.ts";
export {
  badRequest,
  hexBytes,
  isSszBody,
  listOf,
  notFound,
  queryList,
  RequestRefused,
  readBytes,
  readJson,
  refuseOtherTypes,
  wholeNumber,
} from "./read.ts";
export { type Call, createRouter, param, type Route, type Router, refusal } from "./router.ts";
export {
  type Caller,
  HttpError,
  type Listening,
  readAddress,
  readTls,
  type ServeOptions,
  serve,
} from "./serve.ts";
