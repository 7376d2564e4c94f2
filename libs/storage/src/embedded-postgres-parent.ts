import { silentLogger } from '@flywheel/core';
import { startEmbeddedPostgres } from './embedded-postgres.ts';

/** A parent for a test to kill: starts the server on the folder it is given and says so. */
const [folder = ''] = process.argv.slice(2);
await startEmbeddedPostgres({ folder, port: 0, log: silentLogger });
process.send?.('started');
