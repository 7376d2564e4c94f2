import type { ObjectStore } from './object-store.ts';

export type S3Options = {
  /** Of an S3-compatible server; without it, that of AWS. */
  endpoint?: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Where `localFile` keeps its copies. */
  cacheFolder: string;
};

/**
 * Objects in an S3 bucket, which is made when it is missing. Throws `unavailable` when the server does not answer and
 * `invalid_argument` when it does not honour `If-None-Match`, without which `ifAbsent` could lose a write.
 */
export async function openS3ObjectStore(
  options: S3Options,
): Promise<ObjectStore & AsyncDisposable> {
  const { openS3 } = await import('./s3-bucket-store.ts');
  return openS3(options);
}
