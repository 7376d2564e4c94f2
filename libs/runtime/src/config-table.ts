import { markdownTable } from '@flywheel/core';
import { z } from 'zod';

type Variable = {
  readonly name: string;
  /** As it is written in the environment; `undefined` where there is none. */
  readonly standard: string | undefined;
  readonly isRequired: boolean;
  readonly meaning: string;
};

/** The variables of a config schema as a table for its README: name, default, meaning. */
export function configTable(schema: z.ZodObject): string {
  const variables = variablesOf(schema);
  if (variables.length === 0) return 'Nothing to set.';
  return markdownTable([
    ['variable', 'default', 'meaning'],
    ...variables.map(({ name, standard, isRequired, meaning }) => [
      `\`${name}\``,
      standard === undefined ? (isRequired ? 'must be set' : '–') : `\`${standard || "''"}\``,
      meaning,
    ]),
  ]);
}

/** A README whose part between `<!-- name -->` and `<!-- /name -->` is `content`; throws where there is no such part. */
export function withReadmePart(readme: string, name: string, content: string): string {
  const part = new RegExp(`<!-- ${name} -->[^]*<!-- /${name} -->`);
  if (!part.test(readme)) throw new Error(`the README has no part <!-- ${name} -->`);
  return readme.replace(part, () => `<!-- ${name} -->\n\n${content}\n\n<!-- /${name} -->`);
}

function variablesOf(schema: z.ZodObject): readonly Variable[] {
  return Object.entries(schema.shape).map(([name, variable]) => {
    const { description } = variable as z.ZodType;
    if (description === undefined) throw new Error(`${name} has no .describe()`);
    return {
      name,
      standard: standardOf(variable as z.ZodType),
      isRequired: !(variable as z.ZodType).safeParse(undefined).success,
      meaning: description,
    };
  });
}

function standardOf(variable: z.ZodType): string | undefined {
  if (variable instanceof z.ZodDefault || variable instanceof z.ZodPrefault)
    return textOf(variable.def.defaultValue);
  return variable instanceof z.ZodOptional ? standardOf(variable.unwrap() as z.ZodType) : undefined;
}

function textOf(standard: unknown): string {
  return typeof standard === 'string' ? standard : JSON.stringify(standard);
}
