export { parseJson } from './json/parse-json.ts';
export type { ParseJsonOptions } from './json/parse-json.ts';
export { writeJson } from './json/write-json.ts';
export { createHttpServer } from './server/http-server.ts';
export type {
  HttpServer,
  HttpServerOptions,
  InjectedReply,
  InjectedRequest,
} from './server/http-server.ts';
export type { OperationHandler } from './operations/operation-route.ts';
export { LocalOperations } from './operations/local-operations.ts';
export { decodePath } from './server/request-path.ts';
export type {
  BodyKind,
  BodyOf,
  RawReply,
  RawRequest,
  RawRoute,
  RouteMethod,
  RouteOwner,
} from './server/raw-route.ts';
export type { RouteDescription } from './server/route-table.ts';
export type { HttpMetrics, HttpTracing } from './server/ports.ts';
export { nativeErrors, publicError } from './errors/error-shape.ts';
export type { ErrorShape } from './errors/error-shape.ts';
export { CODE_HEADER, errorOfReply } from './errors/wire-error.ts';
export { schemaFault } from './operations/schema-fault.ts';
export { createHttpClient } from './client/http-client.ts';
export type {
  CallOptions,
  HttpClient,
  HttpClientOptions,
  SendReply,
  SendRequest,
} from './client/http-client.ts';
export { createPeers } from './peers/peers.ts';
export type { Peers, PeersOptions } from './peers/peers.ts';
