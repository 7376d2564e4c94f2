import { AppError } from '@flywheel/core';
import type { Bus } from '@flywheel/kafka';

/**
 * Waits until a subscription has handled what its topic held when the call was made: a decision sees what was
 * published before it was asked for. `unavailable` when that takes too long: stale evidence is no consent.
 */
export async function caughtUp(
  bus: Pick<Bus, 'endOffsets' | 'positions' | 'moved'>,
  topic: string,
  withinMs: number,
): Promise<void> {
  const ends = await bus.endOffsets(topic);
  const deadlineMs = performance.now() + withinMs;
  const isThere = () =>
    [...ends].every(
      ([partition, end]) =>
        end === 0n ||
        bus
          .positions()
          .some((one) => one.topic === topic && one.partition === partition && one.position >= end),
    );
  while (!isThere()) {
    if (performance.now() > deadlineMs)
      throw new AppError('unavailable', 'the reports published so far could not be read in time');
    await bus.moved(deadlineMs - performance.now());
  }
}
