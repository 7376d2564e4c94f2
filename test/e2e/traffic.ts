import { eventually } from '@flywheel/core/testing';
import { oip, router } from '@flywheel/contracts';
import type { Flight, LapPlatform } from '@flywheel/flywheel/testing';

const CALLERS = 8;
const BETWEEN_REPORTS = 10;
const LATE_MINUTES = 15;

/** Callers that ask for flights and report what became of them, all at once, as clients that know nothing of a kill. */
export class Traffic {
  /** What was answered, by the id of the prediction. */
  readonly answered = new Map<string, Flight>();
  /** Predictions whose feedback was acknowledged. */
  readonly acknowledged = new Set<string>();
  readonly callers = CALLERS;
  readonly #endpoint: string;
  readonly #flights: Iterator<Flight, undefined>;
  readonly #patienceMs: number;

  /** A patient caller asks again when a service is away. */
  constructor(endpoint: string, flights: readonly Flight[], options: { patienceMs?: number } = {}) {
    this.#endpoint = endpoint;
    this.#flights = flights.values();
    this.#patienceMs = options.patienceMs ?? 0;
  }

  /** Goes on until so much feedback was acknowledged; who sees it first calls `atGoal` while the others are under way. */
  async run(platform: LapPlatform, goal: number, atGoal?: () => Promise<void>): Promise<void> {
    let isReached = false;
    const caller = async () => {
      while (!isReached || atGoal) {
        const asked: string[] = [];
        while (asked.length < BETWEEN_REPORTS) asked.push(await this.#ask(platform));
        await this.#report(platform, asked);
        if (isReached || this.acknowledged.size < goal) continue;
        isReached = true;
        await atGoal?.();
      }
    };
    await Promise.all(
      Array.from({ length: CALLERS }, () =>
        caller().catch((error: unknown) => {
          if (!(isReached && error instanceof TypeError)) throw error; // fetch failed: the platform is gone
        }),
      ),
    );
  }

  /** Reports again what was not acknowledged, under the same ids, and what was not reported yet. */
  async reportTheRest(platform: LapPlatform): Promise<void> {
    const due = [...this.answered.keys()].filter((id) => !this.acknowledged.has(id));
    if (due.length > 0) await this.#report(platform, due);
  }

  async #ask(platform: LapPlatform): Promise<string> {
    const flight = this.#flights.next().value;
    if (!flight) throw new Error('there are too few flights');
    const bytes = (name: string, text: string) => ({
      ...{ name, datatype: 'BYTES', shape: [1], data: [text] },
    });
    const answer = oip.infer.reply.parse(
      await this.#post(`${platform.urlOf('router')}/v2/models/${this.#endpoint}/infer`, {
        inputs: [
          bytes('origin', flight.origin),
          bytes('destination', flight.destination),
          bytes('date', new Date(flight.dateMs).toISOString()),
          { name: 'distance', datatype: 'FP32', shape: [1], data: [flight.distance] },
        ],
      }),
    );
    const ids = answer.outputs.find(({ name }) => name === oip.endpointOutputs.predictionId);
    const id = String(ids?.data[0]);
    this.answered.set(id, flight);
    return id;
  }

  async #report(platform: LapPlatform, predictions: readonly string[]): Promise<void> {
    await this.#post(`${platform.urlOf('router')}${router.sendFeedback.path}`, {
      items: predictions.map((prediction) => {
        const { delay, knownAtMs } = this.answered.get(prediction)!;
        return {
          ...{ id: `${prediction}/0`, prediction, endpoint: this.#endpoint },
          label: delay > LATE_MINUTES ? 1 : 0,
          values: { delay },
          knownAt: new Date(knownAtMs).toISOString(),
        };
      }),
    });
    for (const prediction of predictions) this.acknowledged.add(prediction);
  }

  #post(url: string, body: object): Promise<unknown> {
    return eventually(() => post(url, body), { withinMs: this.#patienceMs, everyMs: 200 });
  }
}

async function post(url: string, body: object): Promise<unknown> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}
