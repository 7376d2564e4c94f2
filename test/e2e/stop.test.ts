import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { eventually } from '@flywheel/core/testing';
import { lockDataFolder } from '@flywheel/runtime';
import { testDataFolder } from '@flywheel/runtime/testing';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const folder = await testDataFolder(); // of all tests
afterAll(() => folder[Symbol.dispose]());
const addresses = join(folder.path, 'addresses.json');
const npm = ['npm', 'run', '--silent', 'lap', '--'] as const;
const node = [process.execPath, '--import', 'tsx', 'apps/flywheel/src/main.ts', 'lap'] as const;

/** A lap in a group of its own, as a terminal runs it, and the platform that it starts. */
class RunningLap implements AsyncDisposable {
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #lap: ChildProcess;
  #said = '';

  constructor([command, ...words]: readonly [string, ...string[]]) {
    rmSync(addresses, { force: true });
    this.#lap = spawn(command, [...words, '--rows', '20000'], {
      cwd: repository,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        FLYWHEEL_DATA: folder.path,
        FLYWHEEL_HTTP_PORT: '0',
        FLYWHEEL_KAFKA_PORT: '0',
        FLYWHEEL_SQL_PORT: '0',
      },
    });
    this.#lap.stderr?.on('data', (text: Buffer) => (this.#said += text.toString()));
    this.ended = new Promise((resolve) => {
      this.#lap.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#lap.kill(signal);
  }

  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-(this.#lap.pid ?? 0), signal);
  }

  async says(what: string): Promise<void> {
    await eventually(() => expect(this.#said).toContain(what), { withinMs: 120_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#lap.exitCode === null && this.#lap.signalCode === null) this.signalGroup('SIGKILL');
    await this.ended;
    await platformStopped();
  }
}

async function platformStarts(): Promise<void> {
  const lock = join(folder.path, 'lock');
  await eventually(() => expect(existsSync(lock) && readdirSync(lock)).toHaveLength(1), {
    withinMs: 120_000,
  });
}

async function platformReady(): Promise<void> {
  await eventually(() => expect(existsSync(addresses)).toBe(true), { withinMs: 120_000 });
}

/** Nobody holds the data folder any longer. */
async function platformStopped(): Promise<void> {
  await eventually(async () => (await lockDataFolder(folder.path))[Symbol.dispose](), {
    withinMs: 60_000,
    everyMs: 200,
  });
}

describe('a lap', () => {
  it.each([
    {
      how: 'npm was told to end',
      stop: (lap: RunningLap) => lap.signal('SIGTERM'),
      says: 'The lap was stopped',
    },
    {
      how: 'is interrupted at a terminal',
      stop: (lap: RunningLap) => lap.signalGroup('SIGINT'),
      says: 'The lap was stopped (SIGINT).',
    },
  ])('that $how stops its platform, and fails', async ({ stop, says }) => {
    await using lap = new RunningLap(npm);
    await platformReady();

    stop(lap);

    expect(await lap.ended).not.toMatchObject({ code: 0 });
    await lap.says(says);
    await platformStopped();
  });

  it('that is ended while its platform starts leaves none', async () => {
    await using lap = new RunningLap(node);
    await platformStarts();

    lap.signal('SIGTERM');

    expect(await lap.ended).toEqual({ code: 1, signal: null });
    await platformStopped();
  });

  it('that is killed leaves no platform: it stops by itself', async () => {
    await using lap = new RunningLap(node);
    await platformReady();

    lap.signal('SIGKILL');

    await platformStopped();
  });
});
