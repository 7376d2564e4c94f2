import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { setupFile } from '../vitest.preset.ts';
import { environmentOf, makeServers } from './catalog.ts';
import { DebianPackages } from './debian.ts';
import { serverNames } from './server.ts';
import { readSettings } from './settings.ts';

const repository = resolve(import.meta.dirname, '..', '..');
const settings = readSettings(process.env, repository);

/** The suites that need real servers, with the variables that lead to those of `npm run servers`. */
export default defineConfig({
  test: {
    root: repository,
    include: ['{libs,apps,tools,test}/**/*.int.test.ts'],
    exclude: ['**/node_modules/**'],
    env: { ...environmentOf(makeServers(serverNames, settings, new DebianPackages())) },
    globalSetup: ['tools/servers/require-servers.ts'],
    pool: 'forks',
    setupFiles: [setupFile],
    // The servers share two cores with the tests: one file at a time keeps their time-outs honest.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 240_000,
    passWithNoTests: false,
  },
});
