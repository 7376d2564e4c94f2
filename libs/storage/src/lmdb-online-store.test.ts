import { afterAll } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { openLmdbOnlineStore } from './lmdb-online-store.ts';
import { describeOnlineStore } from './online-store.contract.ts';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

describeOnlineStore('lmdb', ({ namespace }) =>
  openLmdbOnlineStore({ folder: folder.path, namespace }),
);
