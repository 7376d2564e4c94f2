import { expect, it } from 'vitest';
import { z } from 'zod';
import { configTable, withReadmePart } from './config-table.ts';
import { secret } from './config.ts';

it('variables are listed with default and meaning', () => {
  const schema = z.object({
    ROUTER_WORKERS: z.coerce.number().default(2).describe('threads'),
    ROUTER_TOKEN: secret().describe('a | b'),
    ROUTER_NOTE: z.string().optional().describe('anything'),
    ROUTER_SHADOW: z.stringbool().default(false).describe('true = shadows'),
  });

  expect(configTable(schema)).toBe(
    [
      '| variable         | default     | meaning        |',
      '| ---------------- | ----------- | -------------- |',
      '| `ROUTER_WORKERS` | `2`         | threads        |',
      '| `ROUTER_TOKEN`   | must be set | a \\| b         |',
      '| `ROUTER_NOTE`    | –           | anything       |',
      '| `ROUTER_SHADOW`  | `false`     | true = shadows |',
    ].join('\n'),
  );
});

it('a schema without variables has no table', () => {
  expect(configTable(z.object({}))).toBe('Nothing to set.');
});

it('a variable without a meaning is refused', () => {
  expect(() => configTable(z.object({ A: z.string() }))).toThrow('A has no .describe()');
});

it('a part of a README is replaced as it stands, dollars and all', () => {
  const readme = '# x\n\n<!-- config -->\nold\n<!-- /config -->\n\nrest\n';

  expect(withReadmePart(readme, 'config', "$& `$'`")).toBe(
    "# x\n\n<!-- config -->\n\n$& `$'`\n\n<!-- /config -->\n\nrest\n",
  );
  expect(() => withReadmePart('# x\n', 'config', '')).toThrow('no part <!-- config -->');
});
