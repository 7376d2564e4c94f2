import { expect, it } from 'vitest';
import {
  AppError,
  canonicalJson,
  errorTable,
  invalid,
  ManualClock,
  markdownTable,
  newId,
  Scope,
  sha256,
  toAppError,
} from './index.ts';
import { eventually, temporaryFolder } from './testing.ts';

// Chapter 1. There is one error. Its code decides status, retry and log level, everywhere; the message is a constant
// sentence, and what varies lies in the details.
it('an error is told by its code', () => {
  const error = new AppError('unavailable', 'the store did not answer', {
    details: { key: 'runs/7' },
    cause: new Error('socket closed'),
  });

  expect(error.retryable).toBe(true);
  expect(error.status).toBe(503);
  expect(errorTable.conflict).toEqual({ status: 409, retryable: false, level: 'info' });
});

// Chapter 2. A caller's mistake names the field and the rule.
it('bad input says where and what', () => {
  expect(invalid('rows[3].date', 'must be an instant').details).toEqual({
    field: 'rows[3].date',
    rule: 'must be an instant',
  });
});

// Chapter 3. At an edge, whatever was thrown becomes such an error: aborts and time-outs keep their meaning, the rest
// is a bug.
it('anything thrown has a code', () => {
  expect(toAppError(new DOMException('', 'AbortError')).code).toBe('cancelled');
  expect(toAppError(new TypeError('x is not a function')).code).toBe('internal');
});

// Chapter 4. Who acquires gives back, on the neighbouring line. A scope does it in reverse, once, whatever fails.
it('a scope closes what it owns, last first', async () => {
  const order: string[] = [];
  {
    await using scope = new Scope();
    scope.defer(() => order.push('server'));
    const connection = scope.use({ [Symbol.dispose]: () => order.push('connection') });
    expect(connection).toBeDefined();
  }

  expect(order).toEqual(['connection', 'server']);
});

// Chapter 5. Time is an argument, so that simulated time is as good as real time.
it('a clock can be moved', () => {
  const clock = new ManualClock(Date.UTC(2001, 4, 1));

  clock.moveTo(clock.nowMs() + 3_600_000);

  expect(new Date(clock.nowMs()).toISOString()).toBe('2001-05-01T01:00:00.000Z');
  const id = newId(clock.nowMs());
  expect(parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(clock.nowMs()); // ids sort by time
});

// Chapter 6. What is equal has equal bytes, and so an equal digest.
it('a digest does not depend on the order of members', () => {
  expect(sha256(canonicalJson({ b: 1, a: [true] }))).toBe(
    sha256(canonicalJson({ a: [true], b: 1 })),
  );
});

// Chapter 7. Pages are text.
it('rows become a table', () => {
  expect(markdownTable([['topic'], ['ingest.records']])).toBe(
    '| topic          |\n| -------------- |\n| ingest.records |',
  );
});

// Chapter 8. Tests do not sleep: they look again until it is true. Their files go with them.
it('a test waits for what becomes true', async () => {
  using folder = temporaryFolder();
  let looks = 0;

  await eventually(() => expect(++looks).toBe(3), { everyMs: 1 });

  expect(folder.path).toContain('flywheel-');
});
