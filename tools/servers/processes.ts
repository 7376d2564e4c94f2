import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { waitUntil } from './wait.ts';

/**
 * A long-running process that outlives this one. Its pid file is only a hint: pids are used again and files
 * are lost, so a process counts as ours only while its command line contains `signature`.
 */
export class DetachedProcess {
  readonly #pidFile: string;
  readonly #signature: string;

  constructor(options: { pidFile: string; signature: string }) {
    this.#pidFile = options.pidFile;
    this.#signature = options.signature;
  }

  /** The live process, by its pid file, else by looking at all command lines of the machine. */
  pid(): number | undefined {
    const commandLines = listCommandLines();
    const noted = this.#notedPid();
    if (noted !== undefined && (commandLines.get(noted) ?? '').includes(this.#signature))
      return noted;
    for (const [pid, commandLine] of commandLines)
      if (pid !== process.pid && commandLine.includes(this.#signature)) return pid;
    return undefined;
  }

  /** Starts the program in a session of its own, its output appended to `logFile`. */
  start(
    program: string,
    args: readonly string[],
    options: {
      logFile: string;
      cwd: string;
      environment?: Readonly<Record<string, string>>;
      user?: { uid: number; gid: number } | undefined;
    },
  ): Promise<number> {
    mkdirSync(dirname(options.logFile), { recursive: true });
    mkdirSync(dirname(this.#pidFile), { recursive: true });
    const log = openSync(options.logFile, 'a');
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: options.cwd,
      env: { ...process.env, ...options.environment },
      ...(options.user ?? {}),
    });
    closeSync(log);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', () => {
        const pid = child.pid as number;
        writeFileSync(this.#pidFile, `${pid}\n`);
        child.unref();
        resolve(pid);
      });
    });
  }

  /** Sends each signal in turn and waits `graceMs` after it, then SIGKILL. False when nothing ran. */
  async stop(options: { signals: readonly NodeJS.Signals[]; graceMs: number }): Promise<boolean> {
    const pid = this.pid();
    if (pid !== undefined) {
      for (const signal of [...options.signals, 'SIGKILL'] as const) {
        send(pid, signal);
        if (await this.#gone(pid, options.graceMs)) break;
      }
      if (isAlive(pid)) throw new Error(`process ${pid} does not end, not even by SIGKILL`);
    }
    rmSync(this.#pidFile, { force: true });
    return pid !== undefined;
  }

  async #gone(pid: number, withinMs: number): Promise<boolean> {
    try {
      await waitUntil(
        () => {
          if (isAlive(pid)) throw new Error('still alive');
        },
        { withinMs, everyMs: 50 },
      );
      return true;
    } catch {
      return false;
    }
  }

  #notedPid(): number | undefined {
    try {
      const pid = Number(readFileSync(this.#pidFile, 'utf8').trim());
      return Number.isInteger(pid) && pid > 1 ? pid : undefined;
    } catch {
      return undefined;
    }
  }
}

/** True while the process exists and has not become a zombie that nobody has waited for. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    // The state follows the command in parentheses, which may itself contain spaces and parentheses.
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1) ?? '';
    return !state.startsWith(' Z');
  } catch {
    return true;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The command lines of all live processes by pid; zombies have none. */
function listCommandLines(): Map<number, string> {
  return existsSync('/proc/self/cmdline') ? fromProc() : fromPs();
}

function fromProc(): Map<number, string> {
  const commandLines = new Map<number, string>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)))
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (words !== '') commandLines.set(Number(name), words.replaceAll('\0', ' '));
    } catch {
      // It ended while we were reading.
    }
  return commandLines;
}

function fromPs(): Map<number, string> {
  const { stdout } = spawnSync('ps', ['-eww', '-o', 'pid=,args='], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const commandLines = new Map<number, string>();
  for (const line of stdout.split('\n')) {
    const [, pid, commandLine] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    if (pid !== undefined) commandLines.set(Number(pid), commandLine ?? '');
  }
  return commandLines;
}
