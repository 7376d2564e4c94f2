const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `3h` in milliseconds; the contract has checked the form. */
export function durationMs(text: string): number {
  const unit = text.at(-1) as keyof typeof unitMs; // one of s, m, h, d by the contract
  return Number(text.slice(0, -1)) * unitMs[unit];
}
