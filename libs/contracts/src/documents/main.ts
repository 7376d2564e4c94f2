import { existsSync, writeFileSync } from 'node:fs';
import { breakingChanges } from '../evolution/breaking-changes.ts';
import type { JsonSchema } from '../evolution/schema-node.ts';
import {
  asyncApiDocument,
  jsonText,
  packageFolder,
  readDocument,
  readmeDocument,
  schemaDocuments,
} from './documents.ts';

/*
 * Writes what is generated from the contracts. A schema that breaks the one checked in for the same version is refused:
 * it needs a new version. (One that no release carried yet may be deleted by hand first: the diff will show it.)
 */
let isRefused = false;
for (const [path, schema] of schemaDocuments()) {
  const isNew = !existsSync(new URL(path, packageFolder));
  const broken = isNew ? [] : breakingChanges(JSON.parse(readDocument(path)) as JsonSchema, schema);
  for (const problem of broken) process.stderr.write(`${path}: ${problem}\n`);
  if (broken.length > 0) isRefused = true;
  else write(path, jsonText(schema));
}
if (isRefused) {
  process.stderr.write('These changes need a new version of the event, with an upcaster.\n');
  process.exitCode = 1;
} else {
  write('asyncapi.json', jsonText(asyncApiDocument()));
  write('README.md', readmeDocument());
}

function write(path: string, text: string): void {
  if (existsSync(new URL(path, packageFolder)) && readDocument(path) === text) return;
  writeFileSync(new URL(path, packageFolder), text);
  process.stdout.write(`wrote libs/contracts/${path}\n`);
}
