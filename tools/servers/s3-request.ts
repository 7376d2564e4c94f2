import { createHash, createHmac } from 'node:crypto';

export type S3Account = {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
};

const hex = (bytes: string): string => createHash('sha256').update(bytes).digest('hex');
const mac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** The headers of a request without body or query, signed as AWS Signature Version 4 asks for. */
export function signedHeaders(
  account: S3Account,
  { method, path, at }: { method: string; path: string; at: Date },
): Record<string, string> {
  const time = at.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${account.region}/s3/aws4_request`;
  const headers: Record<string, string> = {
    host: new URL(account.endpoint).host,
    'x-amz-content-sha256': hex(''),
    'x-amz-date': time,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    method,
    path,
    '',
    ...names.map((name) => `${name}:${headers[name] ?? ''}`),
    '',
    names.join(';'),
    hex(''),
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, scope, hex(canonical)].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((secret, part) => mac(secret, part), `AWS4${account.secretAccessKey}`);
  const signature = mac(key, toSign).toString('hex');
  const credential = `Credential=${account.accessKeyId}/${scope}`;
  headers['authorization'] =
    `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return headers;
}

/** The status of one signed request. */
export async function s3Status(account: S3Account, method: string, path: string): Promise<number> {
  const headers = signedHeaders(account, { method, path, at: new Date() });
  const answer = await fetch(account.endpoint + path, {
    method,
    headers,
    signal: AbortSignal.timeout(10_000),
  });
  await answer.arrayBuffer();
  return answer.status;
}
