import { readFileSync } from 'node:fs';
import { allEvents } from '../catalog.ts';
import { allConsumers } from '../consumers.ts';
import { lapReport } from '../lap.ts';
import { topics } from '../topics.ts';
import { asyncApi } from './async-api.ts';
import { goldenSamples } from './golden-samples.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { topicTable } from './topic-table.ts';

/** The folder of this package. */
export const packageFolder = new URL('../../', import.meta.url);

/** Schemas by path below the package: of every event's newest version, and of the lap's report. */
export function schemaDocuments(): ReadonlyMap<string, Record<string, unknown>> {
  const documents = new Map<string, Record<string, unknown>>();
  for (const { type, version, data } of allEvents())
    documents.set(`schemas/${type}.v${version}.json`, jsonSchemaOf(data));
  return documents.set('schemas/lap-report.json', jsonSchemaOf(lapReport));
}

/** The AsyncAPI document of all topics and events. */
export function asyncApiDocument(): Record<string, unknown> {
  const { version } = JSON.parse(readDocument('package.json')) as { version: string };
  const described = { topics, events: allEvents(), consumers: allConsumers() };
  return asyncApi({ version, samples: goldenSamples(), ...described });
}

/** README.md with its topic table as it should be. */
export function readmeDocument(): string {
  const table = topicTable({ topics, events: allEvents(), consumers: allConsumers() });
  return readDocument('README.md').replace(
    /<!-- topics -->[^]*<!-- \/topics -->/,
    () => `<!-- topics -->\n\n${table}\n\n<!-- /topics -->`,
  );
}

/** A checked-in file of this package, by its path below it. */
export function readDocument(path: string): string {
  return readFileSync(new URL(path, packageFolder), 'utf8');
}

/** JSON as it is checked in: one member a line, so that a change shows where it is. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
