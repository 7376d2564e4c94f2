import type { WriteStream } from 'node:tty';

export type StepProgress = {
  /** `done` of `total` units; the rate is measured by the display. */
  update(done: number, total: number, unit: string): void;
};

/** Tells as it happens what the lap does: a live line on a terminal, plain lines elsewhere. */
export type Progress = {
  note(sentence: string): void;
  begin(number: number, name: string): StepProgress;
  end(
    ok: boolean,
    seconds: number,
    facts: Readonly<Record<string, string | number | boolean>>,
  ): void;
};

const REDRAW_MS = 100;
const PLAIN_EVERY_MS = 10_000;
const BAR = 24;

export function createProgress(options: {
  output: Pick<WriteStream, 'write'>;
  live: boolean;
}): Progress {
  let title = '';
  let startedMs = 0;
  let shownMs = 0;

  const line = (done: number, total: number, unit: string) => {
    const rate = Math.round((done / Math.max(1, Date.now() - startedMs)) * 1000);
    const filled = total > 0 ? Math.min(BAR, Math.round((done / total) * BAR)) : 0;
    return `${title}  [${'█'.repeat(filled)}${'·'.repeat(BAR - filled)}] ${format(done)} of ${format(total)} ${unit}, ${format(rate)}/s`;
  };

  return {
    note: (sentence) =>
      void options.output.write(`${options.live ? '\r\u001b[2K' : ''}flywheel ${sentence}\n`),
    begin: (number, name) => {
      title = `${String(number).padStart(2)} ${name.padEnd(22)}`;
      startedMs = Date.now();
      shownMs = options.live ? 0 : startedMs;
      if (options.live) options.output.write(title);
      return {
        update: (done, total, unit) => {
          const nowMs = Date.now();
          if (nowMs - shownMs < (options.live ? REDRAW_MS : PLAIN_EVERY_MS)) return;
          shownMs = nowMs;
          options.output.write(
            options.live ? `\r\u001b[2K${line(done, total, unit)}` : `${line(done, total, unit)}\n`,
          );
        },
      };
    },
    end: (ok, seconds, facts) => {
      const told = Object.entries(facts)
        .map(([name, value]) => `${name} ${typeof value === 'number' ? format(value) : value}`)
        .join(', ');
      options.output.write(
        `${options.live ? '\r\u001b[2K' : ''}${title} ${ok ? 'ok    ' : 'FAILED'} ${seconds.toFixed(1).padStart(6)} s  ${told}\n`,
      );
    },
  };
}

function format(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : value.toPrecision(4);
}
