import { join } from 'node:path';
import { findProgram, run, runOrThrow } from './command.ts';
import type { DebianPackages } from './debian.ts';
import type { Report } from './server.ts';

/** Makes a virtual environment with these packages (name==version) and gives its folder of programs. */
export async function makeVenv(
  folder: string,
  packages: readonly string[],
  { debian, report }: { debian: DebianPackages; report: Report },
): Promise<string> {
  const create = async (): Promise<boolean> => {
    const { code } = await run('python3', ['-m', 'venv', '--clear', folder], { withinMs: 300_000 });
    return code === 0;
  };
  if (findProgram('python3') === undefined || !(await create())) {
    await debian.install(['python3', 'python3-venv'], report);
    if (!(await create())) throw new Error('python3 -m venv fails on this machine');
  }
  const programs = join(folder, 'bin');
  await runOrThrow(join(programs, 'python'), ['-m', 'pip', 'install', '-q', ...packages], {
    withinMs: 1_200_000,
  });
  return programs;
}
