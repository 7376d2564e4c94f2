import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/**
 * What Node must be started with to run a file of ours: newer Node runs TypeScript by itself, Node 20 needs the
 * loader, which costs some 45 MB.
 */
export function typescriptLoader(): string[] {
  if ('typescript' in process.features && process.features.typescript) return [];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
}
