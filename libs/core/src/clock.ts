/** Time as an argument. Milliseconds since the Unix epoch, UTC. */
export type Clock = { nowMs(): number };

export const systemClock: Clock = { nowMs: () => Date.now() };

/** A clock that stands where it is put: for tests and for simulated time. */
export class ManualClock implements Clock {
  #nowMs: number;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  moveTo(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}
