import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { AppError } from '@flywheel/core';
import type { ObjectBody, PutOptions } from './object-store.ts';

/** S3 takes parts from 5 MiB on and 10,000 of them; they grow, so that any object fits. */
const firstPartBytes = 8 * 1024 * 1024;
const partsPerSize = 1000;

type Target = { Bucket: string; Key: string };

/**
 * Writes `body` as one object: in one request when it fits one part, else in parts that are thrown away when anything
 * fails. Gives its size and SHA-256.
 */
export async function upload(
  client: S3Client,
  target: Target,
  body: ObjectBody,
  options: PutOptions,
): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const conditions = {
    ...(options.ifAbsent ? { IfNoneMatch: '*' } : {}),
  };
  const kind = options.contentType ? { ContentType: options.contentType } : {};
  const call = options.signal ? { abortSignal: options.signal } : {};
  let multipart: Multipart | undefined;
  try {
    let pending: Buffer | undefined;
    for await (const part of partsOf(body)) {
      options.signal?.throwIfAborted();
      hash.update(part);
      sizeBytes += part.length;
      if (pending) {
        multipart ??= await Multipart.begin(client, target, kind, call);
        await multipart.send(pending);
      }
      pending = part;
    }
    const last = pending ?? Buffer.alloc(0);
    if (multipart) {
      await multipart.send(last);
      await multipart.complete(conditions, sizeBytes);
    } else {
      await client.send(
        new PutObjectCommand({ ...target, ...kind, ...conditions, Body: last }),
        call,
      );
    }
    return { sizeBytes, sha256: hash.digest('hex') };
  } catch (error) {
    await multipart?.abort();
    throw error;
  }
}

class Multipart {
  readonly #client: S3Client;
  readonly #target: Target & { UploadId: string };
  readonly #call: { abortSignal?: AbortSignal };
  readonly #parts: CompletedPart[] = [];

  private constructor(
    client: S3Client,
    target: Target & { UploadId: string },
    call: { abortSignal?: AbortSignal },
  ) {
    this.#client = client;
    this.#target = target;
    this.#call = call;
  }

  static async begin(
    client: S3Client,
    target: Target,
    kind: { ContentType?: string },
    call: { abortSignal?: AbortSignal },
  ): Promise<Multipart> {
    const { UploadId } = await client.send(
      // Named, so that the list of parts may and must carry the checksums.
      new CreateMultipartUploadCommand({ ...target, ...kind, ChecksumAlgorithm: 'CRC32' }),
      call,
    );
    if (!UploadId) throw new AppError('internal', 'the object store gave no upload id');
    return new Multipart(client, { ...target, UploadId }, call);
  }

  async send(body: Buffer): Promise<void> {
    const PartNumber = this.#parts.length + 1;
    const { ETag, ChecksumCRC32 } = await this.#client.send(
      new UploadPartCommand({
        ...this.#target,
        PartNumber,
        Body: body,
        ChecksumAlgorithm: 'CRC32',
      }),
      this.#call,
    );
    this.#parts.push({ PartNumber, ETag, ChecksumCRC32 });
  }

  /** A server that kept another number of bytes than it was sent is not believed. */
  async complete(conditions: { IfNoneMatch?: string }, sizeBytes: number): Promise<void> {
    const { Bucket, Key } = this.#target;
    const { ETag } = await this.#client.send(
      new CompleteMultipartUploadCommand({
        ...this.#target,
        ...conditions,
        MultipartUpload: { Parts: this.#parts },
      }),
      this.#call,
    );
    const kept = await this.#client.send(new HeadObjectCommand({ Bucket, Key }), this.#call);
    if (kept.ETag === ETag && kept.ContentLength !== sizeBytes)
      throw new AppError('internal', 'the object store kept another size', {
        details: { key: Key, sizeBytes, keptBytes: kept.ContentLength },
      });
  }

  /** Best effort: the failure that led here is the one to tell. */
  async abort(): Promise<void> {
    try {
      await this.#client.send(new AbortMultipartUploadCommand(this.#target));
    } catch {
      // A server that is away keeps the parts; its life-cycle rule removes them.
    }
  }
}

/** The body in pieces of a part's size, the last one smaller. */
async function* partsOf(body: ObjectBody): AsyncGenerator<Buffer> {
  if (body instanceof Uint8Array) {
    const whole = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    let index = 0;
    for (let at = 0; at < whole.length; index++) {
      const end = at + partBytes(index);
      yield whole.subarray(at, end);
      at = end;
    }
    return;
  }
  let chunks: Uint8Array[] = [];
  let size = 0;
  let index = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    while (size >= partBytes(index)) {
      const joined = Buffer.concat(chunks);
      yield joined.subarray(0, partBytes(index));
      const rest = joined.subarray(partBytes(index));
      chunks = [rest];
      size = rest.length;
      index++;
    }
  }
  if (size > 0) yield Buffer.concat(chunks);
}

function partBytes(index: number): number {
  return firstPartBytes * 2 ** Math.floor(index / partsPerSize);
}
