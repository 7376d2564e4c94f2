import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { breakTask, countingService, listCounted } from './fixture/counting-service.ts';
import { startProcess } from './index.ts';
import { testDataFolder } from './testing.ts';

const folder = await testDataFolder(); // of all tests
afterAll(() => folder[Symbol.dispose]());
const main = fileURLToPath(new URL('fixture/main.ts', import.meta.url));
const environment = {
  FLYWHEEL_HTTP_PORT: '0',
  FLYWHEEL_KAFKA_PORT: '0',
  FLYWHEEL_SQL_PORT: '0',
  FLYWHEEL_DATA: folder.path,
};

type Ended = { code: number | null; signal: NodeJS.Signals | null };

/** The fixture's process, leader of a group of its own as in a terminal. Killed with its group when the test ends. */
class TestProcess implements AsyncDisposable {
  /** With all that holds its output. */
  readonly ended: Promise<Ended>;
  readonly leaderEnded: Promise<unknown>;
  readonly #child: ChildProcess & { readonly stdout: Readable; readonly stderr: Readable };
  #output = '';
  #errors = '';

  constructor(settings: Record<string, string> = {}, words: readonly string[] = []) {
    this.#child = spawn(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), main, ...words],
      {
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: { ...process.env, ...environment, ...settings },
      },
    ) as ChildProcess & { stdout: Readable; stderr: Readable }; // both are pipes
    this.#child.stdout.on('data', (text: Buffer) => (this.#output += text.toString()));
    this.#child.stderr.on('data', (text: Buffer) => (this.#errors += text.toString()));
    const exited = once(this.#child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>; // as documented
    this.leaderEnded = exited;
    this.ended = Promise.all([
      exited,
      once(this.#child.stdout, 'close'),
      once(this.#child.stderr, 'close'),
    ]).then(([[code, signal]]) => ({ code, signal }));
  }

  /** What it wrote for people: standard error without log lines. */
  get said(): string {
    const lines = this.#errors.split('\n').filter((line) => !line.startsWith('{'));
    return lines.join('\n').trim();
  }

  get log(): string {
    return this.#errors;
  }

  async url(): Promise<string> {
    const ready = () => /ready (http\S+)/.exec(this.#output)?.[1];
    return eventually(
      () => {
        const url = ready();
        if (url === undefined) throw new Error(`not ready: ${this.#errors}`);
        return url;
      },
      { withinMs: 50_000 },
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** As the end of this process would. */
  closeChannel(): void {
    this.#child.disconnect();
  }

  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-(this.#child.pid ?? 0), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.signalGroup('SIGKILL');
    } catch {
      return; // all of it has ended
    }
    await this.ended;
  }
}

async function measured(work: Promise<Ended>): Promise<Ended & { tookMs: number }> {
  const startedMs = performance.now();
  return { ...(await work), tookMs: performance.now() - startedMs };
}

describe('the environment', () => {
  it('is checked without starting anything', async () => {
    using unused = temporaryFolder();
    const data = join(unused.path, 'data');

    await using checking = new TestProcess({ FLYWHEEL_DATA: data }, ['--check']);

    expect(await checking.ended).toEqual({ code: 0, signal: null });
    expect(existsSync(data)).toBe(false);
  });

  it('with mistakes ends with 78 and one sentence that tells all of them', async () => {
    await using checking = new TestProcess({ FLYWHEEL_SQL_PORT: 'x', COUNTING_LIMIT: '0' });

    expect(await checking.ended).toEqual({ code: 78, signal: null });
    expect(checking.said).toBe(
      'Configuration is wrong: FLYWHEEL_SQL_PORT must be a number; COUNTING_LIMIT must be at least 1.',
    );
  });
});

/** Eight clients that send until they are refused; `acknowledged` holds what they were told is safe. */
function startLoad(url: string): { acknowledged: readonly string[]; ended: Promise<unknown> } {
  const acknowledged: string[] = [];
  const start = String(performance.now());
  const clients = Array.from({ length: 8 }, async (_, client) => {
    for (let number = 0; ; number++) {
      const batch = `${start}-${client}-${number}`;
      const status = await fetch(`${url}/api/ingestion/counted/${batch}`, { method: 'POST' })
        .then((reply) => reply.status)
        .catch(() => undefined);
      if (status !== 200) return;
      acknowledged.push(batch);
    }
  });
  return { acknowledged, ended: Promise.all(clients) };
}

async function countedAt(url: string) {
  const reply = await fetch(`${url}${listCounted.path}`);
  return listCounted.reply.parse(await reply.json());
}

/** How often each of `batches` is among `handled`, each count told once. */
function timesIn(handled: readonly string[], batches: readonly string[]): number[] {
  const times = new Map<string, number>();
  for (const batch of handled) times.set(batch, (times.get(batch) ?? 0) + 1);
  return [...new Set(batches.map((batch) => times.get(batch) ?? 0))];
}

describe('a kill', () => {
  it('under load loses nothing acknowledged, and the next start needs no hand', async () => {
    await using running = new TestProcess();
    const load = startLoad(await running.url());
    await eventually(() => expect(load.acknowledged.length).toBeGreaterThan(100));

    running.signal('SIGKILL'); // the embedded servers are still there
    await running.leaderEnded;
    await using next = new TestProcess();

    const url = await next.url();
    await load.ended;
    await eventually(
      async () => {
        const { stored, logged, handled } = await countedAt(url);
        expect(stored).toEqual(expect.arrayContaining([...load.acknowledged]));
        expect(logged).toEqual(expect.arrayContaining([...load.acknowledged]));
        expect(new Set(handled)).toEqual(new Set(logged));
      },
      { withinMs: 30_000, everyMs: 200 },
    );
  });
});

describe('a signal', () => {
  it('to the whole group under load ends it with 0 within 5 s, and nothing acknowledged is lost', async () => {
    await using running = new TestProcess();
    const { acknowledged, ended: loadEnded } = startLoad(await running.url());
    await eventually(() => expect(acknowledged.length).toBeGreaterThan(100));

    running.signalGroup('SIGTERM');
    const ended = await measured(running.ended);
    await loadEnded;

    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.tookMs).toBeLessThan(5000);
    expect(running.said).toBe('');
    await using next = await startProcess([countingService], { environment, log: silentLogger });
    await eventually(
      async () => {
        const { stored, logged, handled } = await countedAt(next.url);
        expect(stored).toEqual(expect.arrayContaining([...acknowledged]));
        expect(logged).toEqual(expect.arrayContaining([...acknowledged]));
        expect(timesIn(handled, acknowledged)).toEqual([1]); // offsets were committed
      },
      { withinMs: 20_000, everyMs: 200 },
    );
  });

  it('that arrives twice, as npm passes it on, is one signal', async () => {
    await using running = new TestProcess();
    await running.url();

    running.signalGroup('SIGINT');
    running.signal('SIGINT');

    expect(await running.ended).toEqual({ code: 0, signal: null });
  });

  it('while it starts ends it with 0', async () => {
    await using starting = new TestProcess();
    await eventually(() => expect(existsSync(join(folder.path, 'lock'))).toBe(true));
    await eventually(() => expect(starting.log).toContain('broker ready'), { withinMs: 50_000 });

    starting.signalGroup('SIGTERM');
    const ended = await measured(starting.ended);

    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.tookMs).toBeLessThan(5000);
    expect(starting.said).toBe('');
  });

  it('a second time, later, ends what hangs at once', async () => {
    await using running = new TestProcess({
      COUNTING_HANG: 'true',
      FLYWHEEL_STOP_WITHIN_MS: '60000',
    });
    await running.url();
    let ended: Ended | undefined;
    void running.ended.then((how) => (ended = how));

    await eventually(
      () => {
        running.signal('SIGINT'); // those right after the first pass for its echo
        expect(ended).toEqual({ code: null, signal: 'SIGINT' });
      },
      { everyMs: 200 },
    );
  });
});

describe('the end of its parent', () => {
  it('ends it with 0', async () => {
    await using running = new TestProcess({ FLYWHEEL_STOP_WITHIN_MS: '30000' });
    await running.url();

    running.closeChannel();

    expect(await running.ended).toEqual({ code: 0, signal: null });
    expect(running.log).toContain('"signal":"parent gone"');
  });

  it('before it listened ends it with 0', async () => {
    await using starting = new TestProcess({ FLYWHEEL_STOP_WITHIN_MS: '30000' });

    starting.closeChannel();

    expect(await starting.ended).toEqual({ code: 0, signal: null });
    expect(starting.said).toBe('');
  });
});

describe('a stop', () => {
  it('that hangs is forced, and is a failure', async () => {
    await using running = new TestProcess({
      COUNTING_HANG: 'true',
      FLYWHEEL_STOP_WITHIN_MS: '500',
    });
    await running.url();

    running.signal('SIGTERM');

    expect(await running.ended).toEqual({ code: 1, signal: null });
  });
});

describe('a failure', () => {
  it('ends it with 1 and one sentence', async () => {
    await using running = new TestProcess();
    const url = await running.url();

    await fetch(`${url}${breakTask.path}`, { method: 'POST' });

    expect(await running.ended).toEqual({ code: 1, signal: null });
    expect(running.said).toBe('Flywheel could not go on: the task broke.');
    expect(running.log).toContain('"part":"ingestion task"');
  });

  it('of the start ends it with 1 and one sentence', async () => {
    await using first = await startProcess([], { environment, log: silentLogger });

    await using second = new TestProcess();

    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.said).toBe(
      `The data folder ${folder.path} is in use by process ${process.pid}: stop that process or set another folder with FLYWHEEL_DATA.`,
    );
    expect((await fetch(`${first.url}/health/ready`)).status).toBe(200);
  });
});
