import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { silentLogger } from '@flywheel/core';
import Fastify from 'fastify';
import { createHttpServer } from '../index.ts';

/**
 * What our server costs on top of bare Fastify: the same echo of a body of bytes on both, each in a process of its own, asked in
 * turn by keep-alive connections without pipelining. The figure is the server's CPU time per answer, which a busy machine disturbs
 * less than the rate. Run by `node --import tsx libs/http/src/bench/echo.ts`.
 */
const CONNECTIONS = 16;
const ROUND_MS = 1_500;
const ROUNDS = 4;
const WARM_UP_MS = 700;
const SIZES = [300, 30_000];

const servers = {
  'bare fastify': async () => {
    const fastify = Fastify({ logger: false });
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body);
    });
    fastify.post('/v2/models/:model/infer', (request, reply) => {
      void reply.header('content-type', 'application/octet-stream').send(request.body);
    });
    await fastify.listen({ port: 0, host: '127.0.0.1' });
    return (fastify.server.address() as { port: number }).port;
  },
  'libs/http': async () => {
    const seen = { answers: 0 };
    const server = createHttpServer({
      log: silentLogger,
      metrics: {
        answered: () => {
          seen.answers++;
        },
      },
    });
    server.route({
      service: 'router',
      name: 'router.infer',
      summary: 'Echo.',
      method: 'POST',
      path: '/v2/models/:model/infer',
      body: 'buffer',
      handler: ({ body }) => ({ body }),
    });
    return (await server.listen({ port: 0, host: '127.0.0.1' })).port;
  },
} as const;
type Name = keyof typeof servers;

type Figures = { readonly perSecond: number; readonly cpuMicros: number };

/** `CONNECTIONS` clients that each send the next request when they have the whole reply. */
async function measure(server: Server, sizeBytes: number, forMs: number): Promise<Figures> {
  const request = Buffer.concat([
    Buffer.from(
      `POST /v2/models/flight-delay/infer HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\ncontent-length: ${sizeBytes}\r\n\r\n`,
    ),
    Buffer.alloc(sizeBytes, 'a'),
  ]);
  let answers = 0;
  const cpuBefore = await ask(server.child);
  const startedMs = performance.now();
  const clients = Array.from({ length: CONNECTIONS }, async () => {
    const socket = connect(server.port, '127.0.0.1').setNoDelay();
    let missing = 0;
    socket.on('data', (chunk) => {
      if (missing === 0) missing = chunk.indexOf('\r\n\r\n') + 4 + sizeBytes;
      missing -= chunk.length;
      if (missing > 0) return;
      answers++;
      if (performance.now() - startedMs < forMs) socket.write(request);
      else socket.destroy();
    });
    socket.write(request);
    await once(socket, 'close');
  });
  await Promise.all(clients);
  const perSecond = (answers * 1000) / (performance.now() - startedMs);
  return { perSecond, cpuMicros: ((await ask(server.child)) - cpuBefore) / answers };
}

type Server = { readonly child: ChildProcess; readonly port: number };

/** Asks a server process for the CPU time it has used, in microseconds. */
async function ask(child: ChildProcess): Promise<number> {
  child.send('cpu');
  return (await once(child, 'message'))[0] as number;
}

async function compare(): Promise<void> {
  const running = await Promise.all(
    (Object.keys(servers) as Name[]).map(async (name): Promise<Server> => {
      const child = fork(import.meta.filename, [name]);
      return { child, port: (await once(child, 'message'))[0] as number };
    }),
  );
  for (const sizeBytes of SIZES) {
    const best = running.map((): Figures => ({
      perSecond: 0,
      cpuMicros: Number.POSITIVE_INFINITY,
    }));
    for (const server of running) await measure(server, sizeBytes, WARM_UP_MS);
    for (let round = 0; round < ROUNDS; round++)
      for (const [index, server] of running.entries()) {
        const figures = await measure(server, sizeBytes, ROUND_MS);
        const known = best[index] ?? figures;
        best[index] = {
          perSecond: Math.max(known.perSecond, figures.perSecond),
          cpuMicros: Math.min(known.cpuMicros, figures.cpuMicros),
        };
      }
    print(sizeBytes, best);
  }
  for (const { child } of running) child.kill();
}

function print(sizeBytes: number, [bare, ours]: readonly Figures[]): void {
  if (bare === undefined || ours === undefined) return;
  const row = (figures: Figures) =>
    `${figures.cpuMicros.toFixed(1)} us of CPU per answer (${figures.perSecond.toFixed(0)}/s)`;
  process.stdout.write(
    `echo of ${sizeBytes} bytes: bare fastify ${row(bare)}, libs/http ${row(ours)}, ratio ${(bare.cpuMicros / ours.cpuMicros).toFixed(2)}\n`,
  );
}

const served = process.argv[2];
if (served === undefined) await compare();
else {
  process.send?.(await servers[served as Name]());
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
}
