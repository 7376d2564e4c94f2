import { afterAll } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { openFileObjectStore } from './file-object-store.ts';
import { describeObjectStore } from './object-store.contract.ts';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

describeObjectStore('files', () => openFileObjectStore({ folder: folder.path }));
