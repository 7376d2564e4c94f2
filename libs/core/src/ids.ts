import { randomUUID } from 'node:crypto';

/** UUIDv7 (RFC 9562): sorts by the millisecond it was made in. */
export function newId(nowMs: number = Date.now()): string {
  const time = Math.trunc(nowMs).toString(16).padStart(12, '0');
  // A version 4 has its random bits in the same places, and Node draws them in advance.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** 32 lower-case hex digits, the form MLflow gives runs. */
export function newHexId(): string {
  return randomUUID().replaceAll('-', '');
}
