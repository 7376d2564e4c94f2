import { invalid } from '@flywheel/core';

/** The newest verdicts, oldest first: plain data, to be stored as it is. */
export type PersistenceState = readonly boolean[];

export interface PersistenceRule {
  /** So many of ... */
  readonly k: number;
  /** ... the last so many panes must show drift. */
  readonly r: number;
}

/**
 * Alarm only if drift shows in k of the last r panes. A pane without a verdict (`undefined`: too little data, cannot be
 * computed) changes nothing: silence is neither drift nor recovery.
 */
export function observePersistence(
  state: PersistenceState,
  drifted: boolean | undefined,
  { k, r }: PersistenceRule,
): { readonly state: PersistenceState; readonly alarm: boolean } {
  if (!Number.isSafeInteger(k) || k < 1)
    throw invalid('k', 'must be an integer of at least 1', { k });
  if (!Number.isSafeInteger(r) || r < k)
    throw invalid('r', 'must be an integer of at least k', { r });
  const next = (drifted === undefined ? state : [...state, drifted]).slice(-r);
  return { state: next, alarm: next.filter(Boolean).length >= k };
}
