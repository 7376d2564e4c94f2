import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { AppError, invalid, newId } from '@flywheel/core';
import { checkKey } from './object-keys.ts';
import {
  type ObjectBody,
  type ObjectRange,
  type ObjectStat,
  type ObjectStore,
  type PutOptions,
  checkRange,
} from './object-store.ts';
import type { CallOptions } from './online-store.ts';
import type { S3Options } from './s3-object-store.ts';
import { statusOf, toS3Error } from './s3-errors.ts';
import { upload } from './s3-upload.ts';
import { scopeObjectStore } from './scoped-object-store.ts';

const writeAttempts = 3;

export async function openS3(options: S3Options): Promise<ObjectStore & AsyncDisposable> {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey, cacheFolder } = options;
  const client = new S3Client({
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    ...(endpoint ? { endpoint } : {}),
  });
  try {
    await makeBucket(client, bucket);
    await proveConditionalWrites(client, bucket);
    await mkdir(cacheFolder, { recursive: true });
  } catch (error) {
    client.destroy();
    throw toS3Error(error, bucket);
  }
  return new S3ObjectStore(client, bucket, cacheFolder);
}

class S3ObjectStore implements ObjectStore, AsyncDisposable {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #cacheFolder: string;

  constructor(client: S3Client, bucket: string, cacheFolder: string) {
    this.#client = client;
    this.#bucket = bucket;
    this.#cacheFolder = cacheFolder;
  }

  async put(
    key: string,
    body: ObjectBody,
    options: PutOptions = {},
  ): Promise<{ sizeBytes: number; sha256: string }> {
    const target = this.#target(key);
    for (let attempt = 1; ; attempt++) {
      try {
        return await upload(this.#client, target, body, options);
      } catch (error) {
        // 409: another conditional write was under way; a stream cannot be read again.
        const mayTryAgain = body instanceof Uint8Array && attempt < writeAttempts;
        if (statusOf(error) === 409 && mayTryAgain) continue;
        throw toS3Error(error, key);
      }
    }
  }

  async get(key: string, options: CallOptions = {}): Promise<Uint8Array | undefined> {
    const object = await this.#getObject(key, options);
    try {
      return await object?.Body?.transformToByteArray();
    } catch (error) {
      throw toS3Error(error, key);
    }
  }

  async open(
    key: string,
    options: CallOptions & { range?: ObjectRange } = {},
  ): Promise<{ sizeBytes: number; body: Readable } | undefined> {
    checkRange(options.range);
    const object = await this.#getObject(key, options);
    if (!object?.Body) return undefined;
    const total = /\/(\d+)$/.exec(object.ContentRange ?? '')?.[1];
    const sizeBytes = Number(total ?? object.ContentLength);
    // On Node the SDK's body is a Readable.
    return { sizeBytes, body: object.Body as unknown as Readable };
  }

  async stat(key: string, options: CallOptions = {}): Promise<ObjectStat | undefined> {
    const head = await this.#head(key, options);
    return head && { sizeBytes: head.ContentLength ?? 0, modifiedMs: timeOf(head.LastModified) };
  }

  async *list(
    prefix: string,
    { signal }: CallOptions = {},
  ): AsyncGenerator<{ key: string } & ObjectStat> {
    let token: string | undefined;
    do {
      const page = await this.#client
        .send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: prefix,
            // XML cannot hold every character of a key.
            EncodingType: 'url',
            ...(token ? { ContinuationToken: token } : {}),
          }),
          signal ? { abortSignal: signal } : {},
        )
        .catch((error: unknown): never => {
          throw toS3Error(error, prefix);
        });
      const encoded = page.EncodingType === 'url';
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? [])
        yield {
          key: encoded ? decodeURIComponent(Key.replaceAll('+', ' ')) : Key,
          sizeBytes: Size,
          modifiedMs: timeOf(LastModified),
        };
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    const target = this.#target(key);
    try {
      await this.#client.send(
        new DeleteObjectCommand(target),
        signal ? { abortSignal: signal } : {},
      );
    } catch (error) {
      if (statusOf(error) !== 404) throw toS3Error(error, key);
    }
  }

  async localFile(key: string, options: CallOptions = {}): Promise<string> {
    const head = await this.#head(key, options);
    if (!head) throw absent(key);
    const path = join(this.#cacheFolder, cacheName(this.#bucket, key, head));
    if (await exists(path)) return path;
    const object = await this.open(key, options);
    if (!object) throw absent(key);
    const incoming = `${path}.${newId()}`;
    try {
      await pipeline(object.body, createWriteStream(incoming));
      await rename(incoming, path);
    } catch (error) {
      throw toS3Error(error, key);
    } finally {
      await rm(incoming, { force: true });
    }
    return path;
  }

  scoped(prefix: string): ObjectStore {
    return scopeObjectStore(this, prefix);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  #target(key: string): { Bucket: string; Key: string } {
    checkKey(key);
    return { Bucket: this.#bucket, Key: key };
  }

  async #getObject(key: string, { range, signal }: CallOptions & { range?: ObjectRange }) {
    const target = this.#target(key);
    try {
      return await this.#client.send(
        new GetObjectCommand({
          ...target,
          ...(range ? { Range: `bytes=${range.start}-${range.end ?? ''}` } : {}),
        }),
        signal ? { abortSignal: signal } : {},
      );
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      if (statusOf(error) === 416) throw invalid('range', 'must start within the object');
      throw toS3Error(error, key);
    }
  }

  async #head(key: string, { signal }: CallOptions): Promise<HeadObjectCommandOutput | undefined> {
    const target = this.#target(key);
    try {
      return await this.#client.send(
        new HeadObjectCommand(target),
        signal ? { abortSignal: signal } : {},
      );
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw toS3Error(error, key);
    }
  }
}

async function makeBucket(client: S3Client, bucket: string): Promise<void> {
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
    await client.send(new CreateBucketCommand({ Bucket: bucket })).catch(ignoreMadeByAnother);
  }
}

function ignoreMadeByAnother(error: unknown): void {
  if (!(error instanceof Error) || !/^Bucket(AlreadyOwnedByYou|AlreadyExists)$/.test(error.name))
    throw error;
}

/** Some servers take `If-None-Match` and overwrite all the same: the second of two writes must be refused. */
async function proveConditionalWrites(client: S3Client, bucket: string): Promise<void> {
  const probe = { Bucket: bucket, Key: `flywheel-probe/${newId()}` };
  const write = () => client.send(new PutObjectCommand({ ...probe, Body: 'x', IfNoneMatch: '*' }));
  await write();
  try {
    await write();
  } catch (error) {
    if (statusOf(error) !== 412) throw error;
    return;
  } finally {
    await client.send(new DeleteObjectCommand(probe));
  }
  throw invalid('endpoint', 'must honour If-None-Match');
}

/** One name for one state of an object: a changed object has another ETag. The ending tells readers the format. */
function cacheName(bucket: string, key: string, head: HeadObjectCommandOutput): string {
  const identity = JSON.stringify([bucket, key, head.ETag, head.VersionId, head.ContentLength]);
  const ending = /^\.[A-Za-z0-9]{1,12}$/.exec(extname(key))?.[0] ?? '';
  return createHash('sha256').update(identity).digest('hex') + ending;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function absent(key: string): AppError {
  return new AppError('not_found', 'there is no such object', { details: { key } });
}

function timeOf(date: Date | undefined): number {
  return date?.getTime() ?? 0;
}
