import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { registerProcessMetrics } from './process-metrics.ts';

type Labels = Readonly<Record<string, string>>;

/** Metrics of a service, declared once by name; labels must be few and bounded, never an id. */
export type Metrics = {
  counter(
    name: string,
    help: string,
    labels?: readonly string[],
  ): { add(amount?: number, labels?: Labels): void };
  gauge(
    name: string,
    help: string,
    labels?: readonly string[],
  ): { set(value: number, labels?: Labels): void };
  histogram(
    name: string,
    help: string,
    options?: { labels?: readonly string[]; buckets?: readonly number[] },
  ): { observe(value: number, labels?: Labels): void };
};

/** One registry per process. Asking twice for a name gives the same metric, so that services can share one. */
export class MetricsRegistry implements Metrics {
  readonly #registry = new Registry();

  constructor(options: { process: boolean } = { process: true }) {
    if (options.process) registerProcessMetrics(this.#registry);
  }

  counter(
    name: string,
    help: string,
    labels: readonly string[] = [],
  ): { add(amount?: number, labels?: Labels): void } {
    const counter =
      this.#existing(name, Counter) ??
      new Counter({ name, help, labelNames: [...labels], registers: [this.#registry] });
    return { add: (amount = 1, values = {}) => counter.inc({ ...values }, amount) };
  }

  gauge(
    name: string,
    help: string,
    labels: readonly string[] = [],
  ): { set(value: number, labels?: Labels): void } {
    const gauge =
      this.#existing(name, Gauge) ??
      new Gauge({ name, help, labelNames: [...labels], registers: [this.#registry] });
    return { set: (value, values = {}) => gauge.set({ ...values }, value) };
  }

  histogram(
    name: string,
    help: string,
    options: { labels?: readonly string[]; buckets?: readonly number[] } = {},
  ): { observe(value: number, labels?: Labels): void } {
    const histogram =
      this.#existing(name, Histogram) ??
      new Histogram({
        name,
        help,
        labelNames: [...(options.labels ?? [])],
        registers: [this.#registry],
        ...(options.buckets ? { buckets: [...options.buckets] } : {}),
      });
    return { observe: (value, values = {}) => histogram.observe({ ...values }, value) };
  }

  /** Prometheus text format. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }

  #existing<Kind extends object>(
    name: string,
    kind: abstract new (...settings: never[]) => Kind,
  ): Kind | undefined {
    const metric: unknown = this.#registry.getSingleMetric(name);
    if (metric === undefined || metric instanceof kind) return metric;
    throw new Error(`metric ${name} is declared already, as something else`);
  }
}
