import { existsSync, writeFileSync } from 'node:fs';
import {
  asyncApiDocument,
  jsonText,
  packageFolder,
  readDocument,
  readmeDocument,
  schemaDocuments,
} from './documents.ts';
import { planSchemaWrites } from './plan-writes.ts';

/*
 * Writes what is generated from the contracts. A schema that breaks the one checked in for the same version is refused:
 * it needs a new version. (One that no release carried yet may be deleted by hand first: the diff will show it.)
 */
const { writes, refusals } = planSchemaWrites(schemaDocuments(), checkedIn);
for (const [path, text] of writes) write(path, text);
if (refusals.length > 0) {
  process.stderr.write(`${refusals.join('\n')}\nThese changes need a new version of the event.\n`);
  process.exitCode = 1;
} else {
  write('asyncapi.json', jsonText(asyncApiDocument()));
  write('README.md', readmeDocument());
}

function checkedIn(path: string): string | undefined {
  return existsSync(new URL(path, packageFolder)) ? readDocument(path) : undefined;
}

function write(path: string, text: string): void {
  if (checkedIn(path) === text) return;
  writeFileSync(new URL(path, packageFolder), text);
  process.stdout.write(`wrote libs/contracts/${path}\n`);
}
