import { silentLogger } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { describeSql } from './sql.contract.ts';

describeSql('the embedded PostgreSQL', async () => {
  const folder = temporaryFolder();
  const server = await startEmbeddedPostgres({ folder: folder.path, port: 0, log: silentLogger });
  return {
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
});
