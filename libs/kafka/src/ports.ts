/** What the bus counts and measures; the runtime gives it to Prometheus. Label values are bounded. */
export type BusMetrics = {
  /** Records the log has acknowledged. */
  published(topic: string, records: number, seconds: number): void;
  /** One event (or one batch of `events`) is done with. */
  handled(labels: HandledLabels, seconds: number, events: number): void;
  lagMessages(labels: PartitionLabels, messages: number): void;
  /** Age of the last handled event while others wait behind it; 0 when nothing waits. */
  lagSeconds(labels: PartitionLabels, seconds: number): void;
  deadLetters(topic: string, code: string): void;
  /** Bytes a firehose holds. */
  ringBytes(topic: string, bytes: number): void;
  /** Records a firehose has given up. */
  dropped(topic: string, records: number): void;
  rebalances(group: string): void;
  /** Offsets that were gone before they could be read. */
  lost(labels: PartitionLabels, offsets: number): void;
};

export type HandledOutcome = 'handled' | 'skipped' | 'dead' | 'exhausted';
export type HandledLabels = { topic: string; group: string; outcome: HandledOutcome };
export type PartitionLabels = { topic: string; group: string; partition: number };

const nothing = () => undefined;

export const noMetrics: BusMetrics = {
  published: nothing,
  handled: nothing,
  lagMessages: nothing,
  lagSeconds: nothing,
  deadLetters: nothing,
  ringBytes: nothing,
  dropped: nothing,
  rebalances: nothing,
  lost: nothing,
};

/** W3C trace context on the wire; the runtime gives it to OpenTelemetry. */
export type BusTracing = {
  /** Adds `traceparent` (and `tracestate`) of the current context: when the event is created, not when it is sent. */
  inject(headers: Record<string, string>): void;
  /** Runs `work` in the context that the headers carry. */
  extract<T>(
    headers: Readonly<Record<string, string>>,
    name: string,
    work: () => Promise<T>,
  ): Promise<T>;
};

export const noTracing: BusTracing = {
  inject: nothing,
  extract: (_headers, _name, work) => work(),
};
