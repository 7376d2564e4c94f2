import { readFileSync, readdirSync } from 'node:fs';

/** What a process and all its descendants hold and have used, as Linux tells it. */
export type TreeUsage = {
  processes: number;
  /** Resident memory with pages that processes share counted once (their proportional set sizes added up). */
  pssMb: number;
  /** Resident set sizes added up: shared pages count once per process. */
  rssMb: number;
  cpuSeconds: number;
};

/** Clock ticks of /proc on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const KB_PER_MB = 1024;

export function treeUsage(root: number): TreeUsage {
  const usages = treeOf(root).flatMap(readUsage);
  const sum = (key: 'pssKb' | 'rssKb' | 'cpuTicks') =>
    usages.reduce((total, usage) => total + usage[key], 0);
  return {
    processes: usages.length,
    pssMb: Math.round(sum('pssKb') / KB_PER_MB),
    rssMb: Math.round(sum('rssKb') / KB_PER_MB),
    cpuSeconds: sum('cpuTicks') / TICKS_PER_SECOND,
  };
}

/** The direct child whose command line holds `text`. */
export function findChild(parent: number, text: string): number | undefined {
  return childrenOf(parent).find((pid) => read(`/proc/${pid}/cmdline`)?.includes(text));
}

function treeOf(root: number): number[] {
  return [root, ...childrenOf(root).flatMap(treeOf)];
}

/** A child belongs to the thread that started it. */
function childrenOf(pid: number): number[] {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has ended
  }
  return threads.flatMap((thread) =>
    (read(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number),
  );
}

function readUsage(pid: number): { pssKb: number; rssKb: number; cpuTicks: number }[] {
  const stat = read(`/proc/${pid}/stat`);
  const memory = read(`/proc/${pid}/smaps_rollup`);
  if (stat === undefined || memory === undefined) return []; // it has ended
  // After the name in brackets; what ended and was collected counts with its parent.
  const [user, system, childrenUser, childrenSystem] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number);
  const kb = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(memory)?.[1] ?? 0);
  return [
    {
      pssKb: kb('Pss'),
      rssKb: kb('Rss'),
      cpuTicks: user! + system! + childrenUser! + childrenSystem!,
    },
  ];
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // it has ended
  }
}
