import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { configTable, withReadmePart } from './config-table.ts';
import { commonConfig, distributedConfig, embeddedConfig } from './platform-config.ts';

const path = new URL('../README.md', import.meta.url);

it('the README lists the variables as they are', async () => {
  const parts = { common: commonConfig, embedded: embeddedConfig, distributed: distributedConfig };
  const readme = Object.entries(parts).reduce(
    (text, [name, schema]) => withReadmePart(text, name, configTable(schema)),
    readFileSync(path, 'utf8'),
  );

  await expect(readme).toMatchFileSnapshot(path.pathname); // `-u` writes it
});
