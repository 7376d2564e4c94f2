import { AppError } from '@flywheel/core';
import { z } from 'zod';

/** The environment as a process gets it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A value that must not appear in logs or on a status page. */
export function secret(): z.ZodType<Secret, string> {
  return z
    .string()
    .min(1)
    .transform((value) => new Secret(value));
}

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }
}

/**
 * Parses the environment through several schemas at once; all mistakes are told together, each with the name of its
 * variable. Empty variables count as absent.
 */
export function readConfig(schemas: readonly z.ZodType[], environment: Environment): unknown[] {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const problems: string[] = [];
  const configs = schemas.map((schema) => {
    const parsed = schema.safeParse(given);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues)
      problems.push(`${issue.path.join('.')}: ${issue.message}`);
    return undefined;
  });
  if (problems.length > 0)
    throw new AppError('invalid_argument', 'the environment is not valid', {
      details: { problems: [...new Set(problems)] },
    });
  return configs;
}
