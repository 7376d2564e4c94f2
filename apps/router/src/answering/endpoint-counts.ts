import { DDSketch } from '@flywheel/stats';

type Counts = { answered: number; failed: number; rows: number; latencies: DDSketch };

/** What endpoints did since the start of this process. */
export class EndpointCounts {
  readonly #counts = new Map<string, Counts>();

  request(
    endpoint: string,
    { rows, latencyMs, isFailed }: { rows: number; latencyMs: number; isFailed: boolean },
  ): void {
    const counts = this.#counts.get(endpoint) ?? {
      answered: 0,
      failed: 0,
      rows: 0,
      latencies: new DDSketch(),
    };
    this.#counts.set(endpoint, counts);
    if (isFailed) counts.failed++;
    else counts.answered++;
    counts.rows += rows;
    counts.latencies.add(latencyMs);
  }

  of(endpoint: string): {
    requests: { answered: number; failed: number; rows: number };
    latencyMs: { p50: number; p95: number; p99: number } | null;
  } {
    const counts = this.#counts.get(endpoint);
    if (!counts) return { requests: { answered: 0, failed: 0, rows: 0 }, latencyMs: null };
    const { answered, failed, rows, latencies } = counts;
    const at = (q: number) => latencies.quantile(q) ?? 0;
    return {
      requests: { answered, failed, rows },
      latencyMs: { p50: at(0.5), p95: at(0.95), p99: at(0.99) },
    };
  }
}
