import { featureStore, monitor, oip, router, topics } from '@flywheel/contracts';
import type { Flight } from './flights.ts';
import { waitUntil } from './lap-client.ts';
import type { LapClient } from './lap-client.ts';
import type { LapNames } from './lap-names.ts';

const HOUR_MS = 3_600_000;
/** Outcomes wait in slots of this length for the moment they are known. */
const SLOT_MS = HOUR_MS / 4;
const CONCURRENCY = 16;
const LATE_MINUTES = 15;
const FEEDBACK_BATCH = 2000;

type Asked = { flight: Flight; predictionId: string };

/** Many small requests keep the platform busy while outcomes travel; few large ones rather wait for longer steps. */
const paces = {
  overlapping: { stepMs: 3 * SLOT_MS, stepsAhead: 1 },
  inTurn: { stepMs: 6 * SLOT_MS, stepsAhead: 0 },
} as const;
export type Pace = keyof typeof paces;

/** What a replay has seen; latencies in milliseconds, of every request. */
export type ReplayCounts = {
  requests: number;
  /** Without an answer, whatever was tried. */
  failed: number;
  /** Attempts that failed before one was answered. */
  retried: number;
  rows: number;
  feedback: number;
  firstFailure: string | undefined;
};

/**
 * Replays a month as live traffic in simulated time. A flight is asked for one hour before departure; its outcome is
 * reported once it is known. Before the requests of a step are sent, every outcome known by the end of the step is
 * in the online store (a read sees only what was known by its own prediction time), so that the values are exact.
 * An outcome is known more than 90 minutes after its prediction: steps may be that long, or half as long with the
 * outcomes of the next step reported while the requests of this one are answered.
 */
export class Replay {
  readonly counts: ReplayCounts = {
    requests: 0,
    failed: 0,
    retried: 0,
    rows: 0,
    feedback: 0,
    firstFailure: undefined,
  };
  readonly latenciesMs: number[] = [];
  /** Ids the router gave: each must be found in the log. */
  readonly predictionIds = new Set<string>();
  readonly feedbackIds = new Set<string>();
  readonly #client: LapClient;
  readonly #names: LapNames;
  #rowsPerRequest = 1;
  #stepMs = SLOT_MS;
  #stepsAhead = 0;
  #nowMs: number;
  #asking: Lookahead | undefined;
  /** Flights that were asked and whose outcome is not reported yet, by the slot in which it becomes known. */
  readonly #awaiting = new Map<number, Asked[]>();
  #reportedSlots: number;
  /** By slot, in order. */
  readonly #reports = new Map<number, Promise<void>>();

  constructor(options: { client: LapClient; names: LapNames; startMs: number }) {
    this.#client = options.client;
    this.#names = options.names;
    this.#nowMs = options.startMs;
    this.#reportedSlots = slotOf(options.startMs);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Takes the flights that are asked for from now on. */
  load(flights: AsyncIterable<Flight>, options: { rowsPerRequest: number; pace: Pace }): void {
    this.#asking = new Lookahead(flights);
    this.#rowsPerRequest = options.rowsPerRequest;
    this.#stepMs = paces[options.pace].stepMs;
    this.#stepsAhead = paces[options.pace].stepsAhead;
  }

  /** Moves simulated time to `untilMs`. */
  async moveTo(untilMs: number, onStep: (counts: ReplayCounts) => void): Promise<void> {
    while (this.#nowMs < untilMs) {
      const endMs = Math.min(this.#nowMs + this.#stepMs, untilMs);
      this.#report(endMs + this.#stepsAhead * this.#stepMs);
      await this.#reportedBy(endMs);
      await this.#ask(endMs);
      this.#nowMs = endMs;
      onStep(this.counts);
    }
  }

  /** Reports what is still to come after the last request, in the order in which it becomes known. */
  async reportTheRest(): Promise<void> {
    const last = Math.max(this.#reportedSlots, ...this.#awaiting.keys());
    this.#report((last + 1) * SLOT_MS);
    await this.#reportedBy((last + 1) * SLOT_MS);
  }

  /** Starts to report what becomes known before `untilMs`, all of it together; what was started before goes first. */
  #report(untilMs: number): void {
    const until = slotOf(untilMs - 1);
    const due: Asked[] = [];
    for (let slot = this.#reportedSlots; slot <= until; slot++) {
      due.push(...(this.#awaiting.get(slot) ?? []));
      this.#awaiting.delete(slot);
    }
    this.#reportedSlots = Math.max(this.#reportedSlots, until + 1);
    if (due.length === 0) return;
    const reported = this.#reportOutcomes(due);
    reported.catch(() => undefined); // told to whoever waits for it
    this.#reports.set(until, reported);
  }

  /** Waits until everything known before `untilMs` is in the online store. */
  async #reportedBy(untilMs: number): Promise<void> {
    const until = slotOf(untilMs - 1);
    for (const [slot, reported] of this.#reports) {
      if (slot > until) break;
      await reported;
      this.#reports.delete(slot);
    }
  }

  async #reportOutcomes(due: Asked[]): Promise<void> {
    due.sort((left, right) => left.flight.knownAtMs - right.flight.knownAtMs);
    for (let start = 0; start < due.length; start += FEEDBACK_BATCH)
      await this.#sendFeedback(due.slice(start, start + FEEDBACK_BATCH));
    await this.#waitForOnlineStore(this.feedbackIds.size);
  }

  async #sendFeedback(due: readonly Asked[]): Promise<void> {
    const answer = await this.#client.call(router.sendFeedback, {
      body: {
        items: due.map(({ flight, predictionId }) => ({
          id: `${predictionId}/0`,
          prediction: predictionId,
          endpoint: this.#names.endpoint,
          label: flight.delay > LATE_MINUTES ? 1 : 0,
          values: { delay: flight.delay },
          knownAt: new Date(flight.knownAtMs).toISOString(),
          source: 'lap',
        })),
      },
    });
    for (const id of answer.ids) this.feedbackIds.add(id);
    this.counts.feedback += answer.accepted;
  }

  async #waitForOnlineStore(labels: number): Promise<void> {
    const { endpoint } = this.#names;
    await waitUntil(
      'the outcomes to be joined',
      () =>
        this.#client.call(monitor.getJoinStatus, {
          params: { endpoint },
          query: { labelled: labels, waitMs: 5000 },
        }),
      // Labels are counted before their outcomes are told: those are in the log once the feedback is read to its end.
      ({ labelled, streams }) =>
        labelled >= labels &&
        streams
          .filter(({ topic }) => topic === topics.inferenceFeedback.name)
          .every(({ position, end }) => BigInt(position) >= BigInt(end)),
    );
    await waitUntil(
      'the online store to follow',
      () => this.#client.call(featureStore.getStreams, { query: { waitMs: 5000 } }),
      ({ streams }) => streams.every((stream) => BigInt(stream.position) >= BigInt(stream.end)),
    );
  }

  async #ask(untilMs: number): Promise<void> {
    const due: Flight[] = [];
    for (;;) {
      const flight = await this.#asking?.peek();
      if (!flight || flight.dateMs - HOUR_MS >= untilMs) break;
      due.push(flight);
      this.#asking?.take();
    }
    const groups: Flight[][] = [];
    for (let start = 0; start < due.length; start += this.#rowsPerRequest)
      groups.push(due.slice(start, start + this.#rowsPerRequest));
    let next = 0;
    const worker = async () => {
      for (let group = groups[next++]; group; group = groups[next++]) await this.#infer(group);
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, groups.length) }, worker));
  }

  async #infer(flights: readonly Flight[]): Promise<void> {
    const startedMs = performance.now();
    this.counts.requests++;
    try {
      const answer = await this.#client.call(
        oip.infer,
        { params: { model: this.#names.endpoint }, body: { inputs: inputsOf(flights) } },
        // twice is one more prediction, of which nobody heard
        { mayRepeat: true, onRetry: () => this.counts.retried++ },
      );
      const ids =
        answer.outputs.find((output) => output.name === oip.endpointOutputs.predictionId)?.data ??
        [];
      if (ids.length !== flights.length)
        throw new Error(`${ids.length} prediction ids for ${flights.length} rows`);
      for (const [index, flight] of flights.entries()) {
        const predictionId = String(ids[index]);
        this.predictionIds.add(predictionId);
        const slot = Math.max(slotOf(flight.knownAtMs), this.#reportedSlots);
        const waiting = this.#awaiting.get(slot);
        if (waiting) waiting.push({ flight, predictionId });
        else this.#awaiting.set(slot, [{ flight, predictionId }]);
      }
      this.counts.rows += flights.length;
    } catch (error) {
      this.counts.failed++;
      this.counts.firstFailure ??= error instanceof Error ? error.message : String(error);
    }
    this.latenciesMs.push(performance.now() - startedMs);
  }
}

function slotOf(timeMs: number): number {
  return Math.floor(timeMs / SLOT_MS);
}

function inputsOf(flights: readonly Flight[]) {
  const shape = [flights.length];
  const bytes = (name: string, read: (flight: Flight) => string) => ({
    name,
    datatype: 'BYTES',
    shape,
    data: flights.map(read),
  });
  return [
    bytes('origin', (flight) => flight.origin),
    bytes('destination', (flight) => flight.destination),
    bytes('date', (flight) => new Date(flight.dateMs).toISOString()),
    { name: 'distance', datatype: 'FP32', shape, data: flights.map((flight) => flight.distance) },
  ];
}

/** An async iterator with one element of look-ahead. */
class Lookahead {
  readonly #iterator: AsyncIterator<Flight>;
  #head: Flight | undefined;
  #done = false;

  constructor(flights: AsyncIterable<Flight>) {
    this.#iterator = flights[Symbol.asyncIterator]();
  }

  async peek(): Promise<Flight | undefined> {
    if (this.#head === undefined && !this.#done) {
      const next = await this.#iterator.next();
      if (next.done) this.#done = true;
      else this.#head = next.value;
    }
    return this.#head;
  }

  take(): void {
    this.#head = undefined;
  }
}
