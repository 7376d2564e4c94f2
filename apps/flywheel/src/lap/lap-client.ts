import { setMaxListeners } from 'node:events';
import { openAsBlob } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flywheel/core';
import type { DefinedOperation, OperationInput } from '@flywheel/contracts';
import { ingestion } from '@flywheel/contracts';
import type { CallOptions, HttpClient } from '@flywheel/http';
import type { LapPlatform } from '../platform/open-platform.ts';

const INGEST_WITHIN_MS = 900_000;
/** How long a service may be away. */
const PATIENCE_MS = 60_000;

type RecordsBody = { contentType: string } & ({ file: string } | { text: string });

/**
 * Calls the platform like every client: by address. A service that is away for a moment is asked again; an error tells
 * which service and which request it was.
 */
export class LapClient {
  readonly #platform: LapPlatform;
  readonly #http: HttpClient;

  constructor(platform: LapPlatform, http: HttpClient) {
    this.#platform = platform;
    this.#http = http;
    if (platform.gone) setMaxListeners(0, platform.gone); // every call under way listens
  }

  async call<P, Q, B, R>(
    operation: DefinedOperation<P, Q, B, R>,
    input: OperationInput<DefinedOperation<P, Q, B, R>>,
    options: Omit<CallOptions, 'patient'> = {},
  ) {
    try {
      return await this.#http.call(this.#platform.urlOf(operation.service), operation, input, {
        timeoutMs: PATIENCE_MS,
        signal: this.#platform.gone,
        ...options,
        patient: true,
      });
    } catch (error) {
      throw this.#located(`${operation.service} (${operation.method} ${operation.path})`, error);
    }
  }

  /** Sends records to a dataset, again if need be: the same idempotency key changes nothing. */
  async sendRecords(
    dataset: string,
    body: RecordsBody,
    options: { key: string; idempotencyKey: string },
  ): Promise<ingestion.RecordsAccepted> {
    return waitUntil(
      'the records to be taken',
      () => this.#sendRecords(dataset, body, options),
      () => true,
      { withinMs: PATIENCE_MS, everyMs: 500 },
    );
  }

  async #sendRecords(
    dataset: string,
    body: RecordsBody,
    options: { key: string; idempotencyKey: string },
  ): Promise<ingestion.RecordsAccepted> {
    this.#platform.gone?.throwIfAborted();
    const path = ingestion.recordsPath.replace(':dataset', encodeURIComponent(dataset));
    const query = new URLSearchParams(options);
    const answer = await fetch(`${this.#platform.urlOf('ingestion')}${path}?${query.toString()}`, {
      method: 'POST',
      headers: { 'content-type': body.contentType },
      body: 'file' in body ? await openAsBlob(body.file) : body.text,
      signal: AbortSignal.timeout(INGEST_WITHIN_MS),
    }).catch((error: unknown) => {
      const cause = error instanceof Error ? (error.cause ?? error) : error; // all that fetch says itself is that it failed
      throw new AppError('unavailable', `ingestion (POST ${path}) cannot be reached`, { cause });
    });
    const text = await answer.text();
    if (!answer.ok)
      throw new AppError(
        answer.status >= 500 || answer.status === 429 ? 'unavailable' : 'invalid_argument',
        `ingestion (POST ${path}) answered ${answer.status}: ${text.slice(0, 300)}`,
      );
    return ingestion.recordsAccepted.parse(JSON.parse(text));
  }

  /** Bytes of a GET that is not an operation. */
  async download(url: string): Promise<Uint8Array> {
    const answer = await fetch(url, { signal: AbortSignal.timeout(INGEST_WITHIN_MS) });
    if (!answer.ok) throw new AppError('unavailable', `GET ${url} answered ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  urlOf: LapPlatform['urlOf'] = (service) => this.#platform.urlOf(service);

  #located(where: string, error: unknown): AppError {
    const code = error instanceof AppError ? error.code : 'internal';
    const { message, cause = error } = error instanceof Error ? error : new Error(String(error));
    return new AppError(code, `${where}: ${message}`, { cause });
  }
}

/**
 * Asks again until `check` is satisfied; says what it waited for when time runs out. A service that is away for a
 * moment is asked again too.
 */
export async function waitUntil<T>(
  what: string,
  ask: () => Promise<T>,
  check: (answer: T) => boolean,
  options: { withinMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadlineMs = Date.now() + (options.withinMs ?? 120_000);
  let last: unknown;
  do {
    try {
      const answer = await ask();
      if (check(answer)) return answer;
      last = answer;
    } catch (error) {
      if (!(error instanceof AppError && error.retryable)) throw error;
      last = error.message;
    }
    await delay(options.everyMs ?? 20);
  } while (Date.now() < deadlineMs);
  throw new AppError(
    'deadline_exceeded',
    `waited in vain for ${what}: ${JSON.stringify(last).slice(0, 400)}`,
  );
}
