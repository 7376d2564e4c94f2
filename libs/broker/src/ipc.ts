import type { ErrorCode } from '@flywheel/core';

/** What a broker process tells the one that started it. */
export type BrokerMessage =
  | { readonly kind: 'ready'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** One line of a broker process's log. */
export type LogLine = {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};
