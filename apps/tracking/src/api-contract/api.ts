import { expect } from 'vitest';

export type Reply = { readonly status: number; readonly text: string; readonly body: Json };
/** JSON as tests look into it: what is taken out of it is cast to what it should be. */
export interface Json {
  readonly [name: string]: Json | undefined;
}

/** MLflow's API as a client sees it. Names are made fresh, so that tests do not meet. */
export class Api {
  readonly url: string;
  #names = 0;

  constructor(url: string) {
    this.url = url;
  }

  post(path: string, body?: unknown): Promise<Reply> {
    return this.call('POST', `/api/2.0/mlflow/${path}`, body ?? {});
  }

  get(path: string, query: Record<string, string | readonly string[]> = {}): Promise<Reply> {
    return this.call('GET', `/api/2.0/mlflow/${path}?${toQuery(query)}`);
  }

  async call(method: string, path: string, body?: unknown): Promise<Reply> {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : {
            headers: { 'content-type': 'application/json' },
            body: typeof body === 'string' ? body : JSON.stringify(body),
          }),
    });
    return readReply(answer);
  }

  /** Bytes of an artifact go to and come from paths that are percent-encoded segment by segment. */
  async artifact(method: string, path: string, bytes?: string | Uint8Array): Promise<Response> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    return fetch(`${this.url}/api/2.0/mlflow-artifacts/artifacts/${encoded}`, {
      method,
      ...(bytes === undefined ? {} : { body: bytes }),
    });
  }

  name(): string {
    return `e${++this.#names}-${Math.random().toString(36).slice(2)}`;
  }

  async experiment(name = this.name()): Promise<string> {
    return (await this.post('experiments/create', { name })).body[
      'experiment_id'
    ] as unknown as string;
  }

  /** A run in an experiment of its own unless given. */
  async run(given: Record<string, unknown> = {}): Promise<string> {
    const experiment = given['experiment_id'] ?? (await this.experiment());
    const { body } = await this.post('runs/create', {
      start_time: 1,
      ...given,
      experiment_id: experiment,
    });
    return body['run']?.['info']?.['run_id'] as unknown as string;
  }

  async data(run: string): Promise<{
    metrics: Record<string, number | string>;
    params: Record<string, string>;
    tags: Record<string, string>;
  }> {
    const { body } = await this.get('runs/get', { run_id: run });
    const members = (name: string) =>
      Object.fromEntries(
        ((body['run']?.['data']?.[name] ?? []) as unknown as { key: string; value: never }[]).map(
          ({ key, value }) => [key, value],
        ),
      );
    return { metrics: members('metrics'), params: members('params'), tags: members('tags') };
  }

  async history(run: string, key: string): Promise<Json[]> {
    const { body } = await this.get('metrics/get-history', { run_id: run, metric_key: key });
    return (body['metrics'] ?? []) as unknown as Json[];
  }

  /** Ids of the runs that a search finds, in its order. */
  async found(search: Record<string, unknown>): Promise<string[]> {
    const reply = await this.post('runs/search', search);
    expect(reply.status, reply.text).toBe(200);
    return ((reply.body['runs'] ?? []) as unknown as Json[]).map(
      (run) => run['info']?.['run_id'] as unknown as string,
    );
  }
}

async function readReply(answer: Response): Promise<Reply> {
  const text = await answer.text();
  return {
    status: answer.status,
    text,
    body: (text.startsWith('{') ? JSON.parse(text) : {}) as Json,
  };
}

function toQuery(query: Record<string, string | readonly string[]>): string {
  return new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) =>
      typeof value === 'string'
        ? [[name, value] as [string, string]]
        : value.map((item): [string, string] => [name, item]),
    ),
  ).toString();
}

/** What a caller's mistake is answered with. */
export function mistake(code: string, status = 400, message?: string) {
  return {
    status,
    body: {
      error_code: code,
      message: expect.stringContaining(message ?? '') as unknown as string,
    },
  };
}
