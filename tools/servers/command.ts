import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export type CommandOptions = {
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The command is killed after this long. */
  readonly withinMs?: number;
  /** Runs the command as another user (needs root). */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
};

export type Finished = { readonly code: number | undefined; readonly output: string };

/** Runs a command to its end and gives its exit code with all that it printed; never throws for a failing command. */
export function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Finished> {
  return new Promise((settle) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.user ?? {}),
      timeout: options.withinMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => {
      settle({ code: undefined, output: error.message });
    });
    child.on('close', (code) => {
      settle({ code: code ?? undefined, output });
    });
  });
}

/** Like `run`, but a failing command throws with the lines of its output that tell why. */
export async function runOrThrow(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { code, output } = await run(command, args, options);
  if (code !== 0)
    throw new Error(
      `${command} ${args[0] ?? ''} failed (exit ${code ?? 'by signal'}): ${tellingLines(output)}`,
    );
  return output;
}

/** Where a program is, in PATH or in the folders that an ordinary user's PATH lacks. */
export function findProgram(name: string): string | undefined {
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/bin',
    '/usr/sbin',
    '/usr/local/bin',
    '/usr/local/go/bin',
  ];
  for (const folder of folders) {
    if (folder === '') continue;
    const path = join(folder, name);
    if (isExecutable(path)) return path;
  }
  return undefined;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first lines that speak of an error (the last ones are often advice), else the last ones. */
function tellingLines(output: string): string {
  const errors = output.split('\n').filter((line) => /error|fail|cannot|denied/i.test(line));
  return errors.length > 0 ? errors.slice(0, 3).join('\n') : lastLines(output, 4);
}

export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
