import { newId } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { monitor } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';
import type { Loss, Watched } from './watch-endpoint.ts';

/** What a signal says now: firing with its words, or quiet. */
export type Signal = Pick<
  monitor.Alert,
  'signal' | 'severity' | 'feature' | 'summary' | 'value' | 'threshold'
> & { isFiring: boolean };

/** Standard errors by which a change of the mean loss must stand out. */
const STANDARD_ERRORS = 4;

/** One incident per cause: all drifted features are one alert that names the worst, quality is another. */
export function signalsOf(watched: Watched, limits: { maximumLossIncrease: number }): Signal[] {
  return [driftSignal(watched.drift), qualitySignal(watched.loss, limits.maximumLossIncrease)];
}

function driftSignal(findings: readonly monitor.DriftFinding[]): Signal {
  const drifted = findings
    .filter((one) => one.verdict === 'drifted')
    .sort((left, right) => (right.effect ?? 0) - (left.effect ?? 0));
  const [worst] = drifted;
  return {
    signal: 'drift',
    severity: 'warning',
    isFiring: worst !== undefined,
    feature: worst?.feature ?? null,
    summary: worst
      ? `${drifted.length} of ${findings.length} features drifted, most of all ${worst.feature}`
      : 'no feature drifts',
    value: worst?.effect ?? null,
    threshold: worst?.minimumEffect ?? null,
  };
}

function qualitySignal(
  { window, before }: { window: Loss; before: Loss },
  maximumIncrease: number,
): Signal {
  const increase = before.rows > 0 && window.rows > 0 ? window.mean / before.mean - 1 : 0;
  const noise = Math.hypot(window.standardError, before.standardError);
  const isFiring =
    increase > maximumIncrease && window.mean - before.mean > STANDARD_ERRORS * noise;
  const percent = `${(increase * 100).toFixed(1)} %`;
  return {
    signal: 'quality',
    severity: 'critical',
    isFiring,
    feature: null,
    summary: isFiring
      ? `log-loss rose by ${percent}, from ${before.mean.toFixed(4)} to ${window.mean.toFixed(4)}`
      : `log-loss changed by ${percent}`,
    value: window.rows > 0 ? window.mean : null,
    threshold: before.rows > 0 ? before.mean * (1 + maximumIncrease) : null,
  };
}

/** Alerts by fingerprint: an event only when one begins or ends. */
export class Alerts {
  readonly #sql: Sql;
  readonly #outbox: Outbox;
  readonly #clock: Clock;

  constructor(options: { sql: Sql; outbox: Outbox; clock: Clock }) {
    this.#sql = options.sql;
    this.#outbox = options.outbox;
    this.#clock = options.clock;
  }

  /** Within the transaction of the report; gives the alerts that fire now, new or going on. */
  async update(
    tx: SqlTransaction,
    report: monitor.Report,
    signals: readonly Signal[],
  ): Promise<monitor.Alert[]> {
    const firing: monitor.Alert[] = [];
    for (const { isFiring, ...signal } of signals) {
      const fingerprint = `${report.endpoint}/${signal.signal}`;
      const [row] = await tx.query<{ alert: unknown }>(
        'select alert from alerts where fingerprint = $1 order by at desc, id desc limit 1',
        [fingerprint],
      );
      const current = row && monitor.alert.parse(row.alert);
      const isOpen = current?.state === 'firing';
      if (isFiring && isOpen) {
        firing.push(current);
        continue;
      }
      if (isFiring === isOpen) continue;
      const nowMs = this.#clock.nowMs();
      const alert: monitor.Alert = {
        ...signal,
        id: isFiring ? newId(nowMs) : (current?.id ?? newId(nowMs)),
        fingerprint,
        state: isFiring ? 'firing' : 'resolved',
        endpoint: report.endpoint,
        model: report.model,
        version: report.version,
        at: new Date(nowMs).toISOString(),
        report: report.id,
      };
      await tx.query(
        'insert into alerts (id, fingerprint, endpoint, state, at, alert) values ($1, $2, $3, $4, $5, $6) on conflict (id) do update set state = excluded.state, at = excluded.at, alert = excluded.alert',
        [alert.id, fingerprint, alert.endpoint, alert.state, alert.at, JSON.stringify(alert)],
      );
      await this.#outbox.add(tx, monitor.alertChanged, alert);
      if (isFiring) firing.push(alert);
    }
    return firing;
  }

  async list(filter: {
    endpoint?: string | undefined;
    state?: string | undefined;
  }): Promise<monitor.Alert[]> {
    const rows = await this.#sql.query<{ alert: unknown }>(
      'select alert from alerts where ($1::text is null or endpoint = $1) and ($2::text is null or state = $2) order by at desc, id desc limit 500',
      [filter.endpoint ?? null, filter.state ?? null],
    );
    return rows.map((row) => monitor.alert.parse(row.alert));
  }
}
