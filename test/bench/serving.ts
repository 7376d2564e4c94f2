import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitor, registry, router } from '@flywheel/contracts';
import { waitUntil } from '@flywheel/flywheel/testing';
import { startBare } from './bare/start-bare.ts';
import { measureLoad } from './measure-load.ts';
import type { Load } from './measure-load.ts';
import { medians } from './medians.ts';
import type { Options } from './options.ts';
import { treeUsage } from './process-tree.ts';
import { pickQuestions } from './questions.ts';
import type { Bench } from './run-bench.ts';

export const ENDPOINT = 'flight-delay';
export const BARE = 'Fastify and ONNX, vector given';

/** Medians over the rounds; `cpuMicros` per request is what all processes of the server used, work behind the answer included. */
export type ServingRow = {
  what: string;
  callers: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  cpuMicros: number;
};

type Subject = {
  what: string;
  load: Pick<Load, 'url' | 'bodies' | 'isRight'>;
  pid: number;
  /** Waits until the work that the answers left behind is done. */
  drain: () => Promise<void>;
};

const CALLERS = [1, 16];

/** The endpoint, features joined and shadowed, beside Fastify and the champion's ONNX file alone, in turns. */
export async function measureServing(bench: Bench, options: Options): Promise<ServingRow[]> {
  const { client, platform, note } = bench;
  const deployment = await client.call(registry.getEndpoint, { params: { endpoint: ENDPOINT } });
  const champion = deployment.variants.find((variant) => variant.role === 'champion')!;
  const shadows = deployment.variants.filter((variant) => variant.role === 'shadow').length;
  if (deployment.featureService === null || shadows === 0)
    throw new Error(`${ENDPOINT} serves without features or without a shadow`);
  const { featureService } = deployment;
  const questions = await pickQuestions({
    ...options,
    client,
    featureService,
    folder: bench.folder,
  });

  await using bare = await startBare('server', [
    await downloadModel(bench, champion.artifact),
    String(questions.vectors[0]!.length),
  ]);
  const { url: bareUrl } = bare.told as { url: string }; // written by ./bare/server.ts
  const probabilities = await askAll(`${bareUrl}/infer`, questions.vectorBodies);
  const isRight = (answer: string, index: number) => probabilityOf(answer) === probabilities[index];
  const subjects: Subject[] = [
    {
      what: 'Fastify echo',
      pid: bare.pid,
      load: {
        url: new URL(`${bareUrl}/echo`),
        bodies: questions.bodies,
        isRight: (answer, index) => answer === questions.bodies[index],
      },
      drain: () => Promise.resolve(),
    },
    {
      what: BARE,
      pid: bare.pid,
      load: { url: new URL(`${bareUrl}/infer`), bodies: questions.vectorBodies, isRight },
      drain: () => Promise.resolve(),
    },
  ];
  if (options.only !== 'bare')
    subjects.push({
      what: `${ENDPOINT}, features joined, ${shadows} shadow`,
      pid: bench.pid,
      load: {
        url: new URL(`${platform.urlOf('router')}/v2/models/${ENDPOINT}/infer`),
        bodies: questions.bodies,
        isRight,
      },
      drain: () => drained(bench),
    });

  const shadowedBefore = await answeredByShadows(bench);
  let asked = 0;
  const measured: ServingRow[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    note(`serving, round ${round} of ${options.rounds}`);
    for (const callers of CALLERS)
      for (const { what, load, pid, drain } of subjects) {
        const before = treeUsage(pid);
        const window = await measureLoad({ ...load, callers, seconds: options.seconds });
        await drain();
        const cpuSeconds = treeUsage(pid).cpuSeconds - before.cpuSeconds;
        if (window.wrong > 0)
          bench.fault(`${window.wrong} wrong answers of ${what}, the first: ${window.firstWrong}`);
        if (pid === bench.pid) asked += window.requests;
        const { perSecond, p50Ms, p99Ms, requests } = window;
        const cpuMicros = (cpuSeconds / requests) * 1e6;
        measured.push({ what, callers, perSecond, p50Ms, p99Ms, cpuMicros });
      }
    measured.push({
      what: 'ONNX loop, no HTTP',
      callers: 1,
      ...(await onnxLoop(`${bareUrl}/loop`, options.seconds / 2, questions.vectors)),
    });
  }
  const shadowed = (await answeredByShadows(bench)) - shadowedBefore;
  if (shadowed !== asked * shadows)
    bench.fault(`${shadowed} shadow predictions for ${asked} requests and ${shadows} shadows`);
  return medians(measured, (row) => `${row.callers} ${row.what}`);
}

/** Until log, shadows and monitor have handled every prediction. */
async function drained({ client }: Bench): Promise<void> {
  const endpoint = ENDPOINT;
  await waitUntil(
    'log and shadows to follow',
    () => client.call(router.getEndpointStatus, { params: { endpoint } }),
    ({ log, shadowLag }) => log.pending === 0 && shadowLag === 0,
    { everyMs: 100 },
  );
  await waitUntil(
    'the monitor to follow',
    () => client.call(monitor.getJoinStatus, { params: { endpoint }, query: {} }),
    ({ streams }) => streams.every(({ position, end }) => BigInt(position) >= BigInt(end)),
    { everyMs: 100 },
  );
}

async function answeredByShadows({ client }: Bench): Promise<number> {
  const { shadows } = await client.call(router.getEndpointStatus, {
    params: { endpoint: ENDPOINT },
  });
  return Object.values(shadows).reduce((sum, { answered }) => sum + answered, 0);
}

async function downloadModel(
  { client, platform, folder }: Bench,
  { objectKey, sha256 }: registry.Variant['artifact'],
): Promise<string> {
  const bytes = await client.download(
    `${platform.urlOf('tracking')}/api/2.0/mlflow-artifacts/artifacts/${objectKey.replace('tracking/artifacts/', '')}`,
  );
  if (createHash('sha256').update(bytes).digest('hex') !== sha256)
    throw new Error('the champion is not the artifact that the registry recorded');
  const file = join(folder, 'champion.onnx');
  writeFileSync(file, bytes);
  return file;
}

async function askAll(url: string, bodies: readonly string[]): Promise<number[]> {
  const answers: number[] = [];
  for (const body of bodies) answers.push(probabilityOf(await post(url, body)));
  return answers;
}

async function onnxLoop(url: string, seconds: number, vectors: readonly number[][]) {
  return JSON.parse(await post(url, JSON.stringify({ seconds, vectors }))) as Omit<
    ServingRow,
    'what' | 'callers'
  >; // written by ./bare/server.ts
}

async function post(url: string, body: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`POST ${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.text();
}

/** Read without parsing the whole: the client shares its cores with the server. */
function probabilityOf(answer: string): number {
  return Number(/"name":"probability".*?"data":\[([^\],]+)\]/.exec(answer)?.[1] ?? Number.NaN);
}
