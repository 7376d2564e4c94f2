import { silentLogger } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { BrowserGuard } from './browser-guard.ts';
import { createHttpServer } from './http-server.ts';

function guard(address: string): BrowserGuard {
  const made = new BrowserGuard(['Flywheel.Example.com']);
  made.bound(address);
  return made;
}

describe('a server on a loopback address', () => {
  it.each([
    undefined,
    '127.0.0.1:7070',
    '[::1]:7070',
    '10.0.0.7:7070',
    'localhost:7070',
    'console.localhost',
    'flywheel.example.com',
  ])('answers to the host %s', (host) => {
    expect(() => guard('127.0.0.1').check('GET', { host })).not.toThrow();
  });

  it.each(['evil.example', 'localhost.evil.example:7070', 'a b', '', '127.0.0.1.evil.example'])(
    'does not answer to the host %j, which a page may have rebound',
    (host) => {
      const made = guard('127.0.0.1');
      made.check('GET', { host: 'localhost:7070' });

      expect(() => made.check('GET', { host })).toThrow('host is not allowed');
    },
  );
});

describe('a server on all addresses', () => {
  it('answers to every name, since it is reached by many', () => {
    expect(() => guard('0.0.0.0').check('GET', { host: 'router.flywheel.svc' })).not.toThrow();
  });
});

describe('a request from a page', () => {
  it.each([
    ['http://10.0.0.7:7070', '10.0.0.7:7070'],
    ['http://localhost:5173', '127.0.0.1:7070'],
    ['https://flywheel.example.com', 'flywheel.example.com'],
  ])('of %s may write to %s', (origin, host) => {
    expect(() => guard('0.0.0.0').check('POST', { origin, host })).not.toThrow();
  });

  it.each([
    ['https://evil.example', 'localhost:7070'],
    ['http://evil.example:7070', 'evil.example:7070'],
    ['null', 'localhost:7070'],
    ['http://10.0.0.8', '10.0.0.7'],
    ['http://10.0.0.7:80', '10.0.0.7:7070'],
  ])('of %s may not write to %s', (origin, host) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      expect(() => guard('0.0.0.0').check(method, { origin, host })).toThrow('other sites');
  });

  it('is answered 403 before its body is read', async () => {
    let calls = 0;
    await using server = createHttpServer({ log: silentLogger });
    server.route({
      service: 'tracking',
      name: 'tracking.write',
      summary: 'Writes.',
      method: 'POST',
      path: '/write',
      body: 'json',
      handler: () => ({ body: { calls: ++calls } }),
    });
    const headers = { origin: 'https://evil.example', 'content-type': 'text/plain' };
    const reply = await server.inject({ method: 'POST', url: '/write', headers, body: '{}' });

    expect([reply.status, reply.json()]).toEqual([
      403,
      expect.objectContaining({ code: 'permission_denied' }),
    ]);
    expect(calls).toBe(0);
  });
});
