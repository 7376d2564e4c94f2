import { readFileSync } from 'node:fs';

/** The AsyncAPI document of all topics and events, as it is checked in. */
export function asyncApiText(): string {
  return readFileSync(new URL('../asyncapi.json', import.meta.url), 'utf8');
}
