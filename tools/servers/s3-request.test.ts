import { expect, test } from 'vitest';
import { signedHeaders } from './s3-request.ts';

/** The account of the examples in the AWS documentation of Signature Version 4. */
const documented = {
  endpoint: 'https://examplebucket.s3.amazonaws.com',
  region: 'us-east-1',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

test('a request is signed like an independent implementation signs it', () => {
  const headers = signedHeaders(documented, {
    method: 'GET',
    path: '/test.txt',
    at: new Date('2013-05-24T00:00:00.000Z'),
  });

  expect(headers['x-amz-date']).toBe('20130524T000000Z');
  expect(headers['authorization']).toBe(
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
      'SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=df548e2ce037944d03f3e68682813b093763996d597cf890ca3d9037fd231eb4',
  );
});
