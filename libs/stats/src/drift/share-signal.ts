import { fisherExact } from '../hypothesis/fisher.ts';

/** A share of rows in both samples and whether it changed: missing, non-finite or unseen values. */
export interface ShareSignal {
  readonly referenceCount: number;
  readonly currentCount: number;
  /** Share of all rows; 0 for a sample without rows. */
  readonly referenceShare: number;
  readonly currentShare: number;
  /** Fisher's exact test, two-sided; 1 when a sample has no rows. */
  readonly pValue: number;
  readonly change: 'surge' | 'drop' | 'steady';
}

export interface ShareCount {
  readonly count: number;
  readonly rows: number;
}

/** Compares a share in two samples: a change is both significant at alpha and at least `minimumChange` large. */
export function shareSignal(
  reference: ShareCount,
  current: ShareCount,
  { alpha, minimumChange }: { readonly alpha: number; readonly minimumChange: number },
): ShareSignal {
  const referenceShare = reference.rows > 0 ? reference.count / reference.rows : 0;
  const currentShare = current.rows > 0 ? current.count / current.rows : 0;
  const comparable = reference.rows > 0 && current.rows > 0;
  const pValue = comparable
    ? fisherExact(
        { successes: reference.count, trials: reference.rows },
        { successes: current.count, trials: current.rows },
      )
    : 1;
  const difference = currentShare - referenceShare;
  const changed = pValue <= alpha && Math.abs(difference) >= minimumChange;
  return {
    referenceCount: reference.count,
    currentCount: current.count,
    referenceShare,
    currentShare,
    pValue,
    change: changed ? (difference > 0 ? 'surge' : 'drop') : 'steady',
  };
}
