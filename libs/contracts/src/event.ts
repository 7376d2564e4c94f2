import { AppError } from '@flywheel/core';
import type { z } from 'zod';
import type { Topic } from './topics.ts';

/**
 * A fact: what happened, owned by one service, with a version. `Data` is the shape handlers see, always that of the
 * newest version; `older[n]` lifts the data of version n to version n + 1, so that every version ever published stays readable.
 */
export type EventContract<Data = unknown> = {
  /** `<owner>.<noun>-<past tense>`, for instance `registry.deployment-changed`. */
  readonly type: string;
  readonly version: number;
  readonly topic: Topic;
  readonly data: z.ZodType<Data>;
  /** The message key: the id of the thing whose order matters. Never empty. */
  key(data: Data): string;
  readonly older: Readonly<Record<number, (data: never) => unknown>>;
};

export type EventData<Contract> = Contract extends EventContract<infer Data> ? Data : never;

type Definition<Schema extends z.ZodType> = {
  type: string;
  version?: number;
  topic: Topic;
  data: Schema;
  key: (data: z.output<Schema>) => string;
  older?: Record<number, (data: never) => unknown>;
};

export function defineEvent<Schema extends z.ZodType>(
  definition: Definition<Schema>,
): EventContract<z.output<Schema>> {
  return Object.freeze({
    type: definition.type,
    version: definition.version ?? 1,
    topic: definition.topic,
    data: definition.data as z.ZodType<z.output<Schema>>,
    key: definition.key,
    older: definition.older ?? {},
  });
}

/** Data of any known version as data of the newest one; `invalid_argument` if it is unknown or breaks the schema. */
export function readEventData<Data>(
  contract: EventContract<Data>,
  version: number,
  data: unknown,
): Data {
  let lifted = data;
  for (let from = version; from < contract.version; from++) {
    const lift = contract.older[from];
    if (!lift) throw unreadable(contract, version, 'no upcaster from this version');
    try {
      lifted = lift(lifted as never);
    } catch {
      throw unreadable(contract, version, 'cannot be lifted to the next version');
    }
  }
  if (version > contract.version || !Number.isInteger(version) || version < 1)
    throw unreadable(contract, version, 'unknown version');
  const parsed = contract.data.safeParse(lifted);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw unreadable(
    contract,
    version,
    `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`,
  );
}

function unreadable(contract: EventContract, version: number, rule: string): AppError {
  return new AppError('invalid_argument', 'event data does not match its contract', {
    details: { type: contract.type, version, rule },
  });
}
