import { invalid } from '@flywheel/core';

/** How often a healthy model may be called sick. */
export interface FalseAlarmBudget {
  /** Alarms per month that no drift stands behind, over all features together. */
  readonly falseAlarmsPerMonth: number;
  readonly featuresChecked: number;
  /** 720 for hourly. */
  readonly checksPerMonth: number;
}

/** Level of each single test that keeps the expected number of false alarms within the budget; at most 0.05. */
export function testAlpha(budget: FalseAlarmBudget, testsPerFeature = 1): number {
  for (const name of ['falseAlarmsPerMonth', 'featuresChecked', 'checksPerMonth'] as const)
    if (!(budget[name] > 0)) throw invalid(`budget.${name}`, 'must be above 0');
  const tests = budget.featuresChecked * budget.checksPerMonth * testsPerFeature;
  return Math.min(0.05, budget.falseAlarmsPerMonth / tests);
}
