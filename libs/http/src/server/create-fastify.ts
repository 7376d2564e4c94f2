import type { Socket } from 'node:net';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MAX_PARAM_LENGTH } from './request-path.ts';

export type FastifyParts = {
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** A path that cannot be decoded, or has a parameter that is too long. */
  refusePath(kind: 'bad-encoding' | 'too-long', reply: FastifyReply): void;
};

/** Fastify for routing, replies and life cycle only: bodies are read by us, whatever their content type. */
export function createFastify(parts: FastifyParts): FastifyInstance {
  const fastify = Fastify({
    logger: false,
    trustProxy: false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    keepAliveTimeout: parts.keepAliveTimeoutMs,
    requestTimeout: HOUR_MS,
    http: {
      headersTimeout: parts.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(5_000, parts.headersTimeoutMs),
      requireHostHeader: false,
    },
    routerOptions: {
      maxParamLength: MAX_PARAM_LENGTH,
      querystringParser: () => NO_QUERY,
    },
    frameworkErrors: (error, _request: FastifyRequest, reply: FastifyReply) => {
      parts.refusePath(
        error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? 'too-long' : 'bad-encoding',
        reply,
      );
    },
    clientErrorHandler: answerUnparsable,
  });
  // A content type is no reason to refuse: with these, Fastify never looks at bodies.
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
    fastify.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  fastify.server.on('checkContinue', (request, response) => {
    fastify.server.emit('request', request, response);
  });
  return fastify;
}

/** The backstop; slow bodies are ended much earlier by `BodyWatch`, and long uploads that do arrive may go on. */
const HOUR_MS = 3_600_000;

const NO_QUERY = Object.freeze({});

/** What is no HTTP request has no route: a few fixed answers, then the connection is closed. */
function answerUnparsable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return;
  const [status, rule] = UNPARSABLE[error.code ?? ''] ?? ['400 Bad Request', 'must be HTTP/1.1'];
  const body = JSON.stringify({
    code: 'invalid_argument',
    message: `request: ${rule}`,
    details: { field: 'request', rule },
  });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

const UNPARSABLE: Readonly<Record<string, readonly [string, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'did not arrive in time'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'headers must be under 16 KiB'],
};
