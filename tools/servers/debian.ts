import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findProgram, lastLines, run } from './command.ts';
import type { Report } from './server.ts';

const policyFile = '/usr/sbin/policy-rc.d';
const unattended = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };

/** Installs Debian packages, one call after the other, without starting the services that are in them. */
export class DebianPackages {
  #last: Promise<void> = Promise.resolve();
  #updated = false;

  /** Throws one sentence that says what to install when this user or this machine cannot. */
  install(packages: readonly string[], report: Report): Promise<void> {
    const turn = this.#last.then(() => this.#install(packages, report));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #install(packages: readonly string[], report: Report): Promise<void> {
    const wanted = packages.join(' ');
    if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined)
      throw new Error(`${wanted} is missing: install it (as root: apt-get install ${wanted})`);
    report(`installing ${wanted}`);
    await this.#update();
    const policyIsOurs = forbidServiceStarts();
    try {
      await apt(['install', '--no-install-recommends', ...packages]);
    } finally {
      if (policyIsOurs) rmSync(policyFile, { force: true });
    }
  }

  async #update(): Promise<void> {
    if (this.#updated) return;
    await apt(['update']);
    this.#updated = true;
  }
}

/** Debian asks this script before a package starts its service; true when we had to write it. */
function forbidServiceStarts(): boolean {
  if (existsSync(policyFile)) return false;
  writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return true;
}

/** Tries again while another apt holds a lock that apt itself does not wait for, or a mirror stumbles. */
async function apt(args: readonly string[]): Promise<void> {
  const options = ['-y', '-q', '-o', 'DPkg::Lock::Timeout=600', '-o', 'Acquire::Retries=3'];
  const tries = 6;
  for (let attempt = 1; ; attempt++) {
    const { code, output } = await run('apt-get', [...options, ...args], {
      environment: unattended,
      withinMs: 1_200_000,
    });
    if (code === 0) return;
    if (attempt === tries)
      throw new Error(`apt-get ${args.join(' ')} failed: ${lastLines(output, 4)}`);
    await new Promise((resolve) => setTimeout(resolve, 5000 * attempt));
  }
}
