/** What a code means everywhere: the HTTP status, whether a retry may help, and how loudly it is logged. */
const table = {
  invalid_argument: { status: 400, retryable: false, level: 'info' },
  unauthenticated: { status: 401, retryable: false, level: 'info' },
  permission_denied: { status: 403, retryable: false, level: 'info' },
  not_found: { status: 404, retryable: false, level: 'info' },
  conflict: { status: 409, retryable: false, level: 'info' },
  payload_too_large: { status: 413, retryable: false, level: 'info' },
  resource_exhausted: { status: 429, retryable: true, level: 'warn' },
  cancelled: { status: 499, retryable: false, level: 'debug' },
  internal: { status: 500, retryable: false, level: 'error' },
  unavailable: { status: 503, retryable: true, level: 'warn' },
  deadline_exceeded: { status: 504, retryable: true, level: 'warn' },
} as const;

export type ErrorCode = keyof typeof table;
export type ErrorDetails = Readonly<Record<string, unknown>>;

export const errorTable: Readonly<
  Record<
    ErrorCode,
    {
      readonly status: number;
      readonly retryable: boolean;
      readonly level: 'debug' | 'info' | 'warn' | 'error';
    }
  >
> = Object.freeze(table);

/**
 * The only error class of the system. The message is a constant, lower-case sentence; what varies goes into
 * `details` (for a caller's mistake: `field`, the path of the field, and `rule`, what it must satisfy).
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: ErrorDetails; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.details = options.details;
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

/** A caller's mistake, with the path of the field and the rule it breaks. */
export function invalid(field: string, rule: string, details: ErrorDetails = {}): AppError {
  return new AppError('invalid_argument', `${field}: ${rule}`, {
    details: { field, rule, ...details },
  });
}

/** Total: whatever was thrown becomes an AppError; aborts and time-outs keep their meaning, the rest is `internal`. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof Error && thrown.name === 'TimeoutError')
    return new AppError('deadline_exceeded', 'deadline exceeded', { cause: thrown });
  if (thrown instanceof Error && thrown.name === 'AbortError')
    return new AppError('cancelled', 'cancelled', { cause: thrown });
  return new AppError('internal', 'internal error', { cause: thrown });
}
