import { afterAll } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { describeObjectStore } from './object-store.contract.ts';
import { openS3ObjectStore } from './s3-object-store.ts';
import { serverAddress } from './server-address.contract.ts';

const cache = temporaryFolder();
const options = {
  endpoint: serverAddress('S3_ENDPOINT'),
  region: 'us-east-1',
  bucket: serverAddress('S3_BUCKET'),
  accessKeyId: serverAddress('S3_ACCESS_KEY_ID'),
  secretAccessKey: serverAddress('S3_SECRET_ACCESS_KEY'),
  cacheFolder: cache.path,
};
afterAll(() => cache[Symbol.dispose]());

describeObjectStore('S3', () => openS3ObjectStore(options));
