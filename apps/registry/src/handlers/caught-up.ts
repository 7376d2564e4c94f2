import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@flywheel/kafka';

const EVERY_MS = 10;

/**
 * Waits until a subscription has handled what its topic held when the call was made, at most so long: a decision sees
 * what was published before it was asked for.
 */
export async function caughtUp(
  bus: Pick<Bus, 'endOffsets' | 'positions' | 'service'>,
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
          .some(
            (position) =>
              position.topic === topic &&
              position.partition === partition &&
              position.position >= end,
          ),
    );
  while (!isThere() && performance.now() < deadlineMs) await delay(EVERY_MS);
}
