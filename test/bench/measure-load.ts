import { quantile } from '@flywheel/flywheel/testing';
import { HttpConnection, postRequest } from './http-connection.ts';

export type Load = {
  url: URL;
  bodies: readonly string[];
  callers: number;
  seconds: number;
  /** Whether this is the answer to that body. */
  isRight: (answer: string, index: number) => boolean;
};

export type Measured = {
  requests: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  wrong: number;
  firstWrong: string | undefined;
};

const WARM_UP_SECONDS = 0.5;

/** Closed loop: each caller sends its next request when it has its answer. A short warm-up is not counted. */
export async function measureLoad(load: Load): Promise<Measured> {
  const requests = load.bodies.map((body) => postRequest(load.url, body));
  const connections = await Promise.all(
    Array.from({ length: load.callers }, () => HttpConnection.open(load.url)),
  );
  const latenciesMs: number[] = [];
  let wrong = 0;
  let firstWrong: string | undefined;
  let next = 0;
  const countFromMs = performance.now() + WARM_UP_SECONDS * 1000;
  const untilMs = countFromMs + load.seconds * 1000;
  const ask = async (connection: HttpConnection) => {
    for (let sentMs = performance.now(); sentMs < untilMs;) {
      const index = next++ % requests.length;
      const { status, body } = await connection.send(requests[index]!);
      const answeredMs = performance.now();
      if (status !== 200 || !load.isRight(body, index)) {
        wrong++;
        firstWrong ??= `${status} ${body.slice(0, 300)}`;
      }
      if (sentMs >= countFromMs) latenciesMs.push(answeredMs - sentMs);
      sentMs = answeredMs;
    }
  };
  try {
    await Promise.all(connections.map(ask));
  } finally {
    for (const connection of connections) connection[Symbol.dispose]();
  }
  const latencies = Float64Array.from(latenciesMs);
  return {
    requests: next,
    perSecond: latenciesMs.length / load.seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    wrong,
    firstWrong,
  };
}
