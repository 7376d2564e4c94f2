import type { LapReport } from '@flywheel/contracts';

/** One page for a person: what the lap did and where to look. */
export function factsPage(report: LapReport): string {
  const lines = [
    '',
    `Lap ${report.ok ? 'complete' : 'FAILED'}: ${number(report.rows)} flights in ${report.seconds.toFixed(1)} s`,
    '',
  ];
  if (report.models) {
    lines.push('Models, on flights that no training saw');
    for (const [title, model] of Object.entries(report.models))
      lines.push(
        `  ${title.padEnd(10)} ${model.name} version ${model.version}  AUC ${model.auc.toFixed(4)} [${model.aucInterval[0].toFixed(4)}, ${model.aucInterval[1].toFixed(4)}]` +
          `  log-loss ${model.logLoss.toFixed(4)}  Brier ${model.brier.toFixed(4)}  ${model.digest.slice(0, 12)}`,
      );
  }
  if (report.promotion)
    lines.push(
      '',
      `Promotion  ${report.promotion.promoted ? 'yes' : 'no'}, by ${report.promotion.method}: evidence ${report.promotion.evidence.toPrecision(4)} from ${number(report.promotion.samples)} pairs, ${report.promotion.failedRequests} failed requests`,
    );
  if (report.serving)
    lines.push(
      `Serving    ${number(report.serving.requests)} requests, ${report.serving.failed} failed, ${report.serving.retried} retried, p50 ${report.serving.p50Ms.toFixed(2)} ms, p99 ${report.serving.p99Ms.toFixed(2)} ms`,
    );
  if (report.shadows) {
    const { shadows } = report;
    lines.push(
      `Shadows    eligible ${number(shadows.eligible)} = sampled ${number(shadows.sampled)} + unsampled ${number(shadows.unsampled)}; sent ${number(shadows.sent)} (shed ${reasons(shadows.shed)}); answered ${number(shadows.answered)} (failed ${reasons(shadows.failed)})`,
    );
  }
  lines.push(`Dropped    ${report.dropped} acknowledged events missing from the log`, '', 'Events');
  for (const [topic, count] of Object.entries(report.events))
    lines.push(`  ${topic.padEnd(24)} ${number(count).padStart(12)}`);
  if (report.alerts.length > 0) {
    lines.push('', 'Alerts');
    for (const alert of report.alerts) lines.push(`  ${alert.severity.padEnd(9)} ${alert.summary}`);
  }
  lines.push('', 'Look at');
  for (const [name, address] of Object.entries(report.addresses))
    lines.push(`  ${name.padEnd(14)} ${address}`);
  return `${lines.join('\n')}\n`;
}

function reasons(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).filter(([, count]) => count > 0);
  return entries.length === 0
    ? '0'
    : entries.map(([reason, count]) => `${reason} ${number(count)}`).join(', ');
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
