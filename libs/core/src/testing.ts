export { eventually } from './eventually.ts';
export { temporaryFolder } from './temporary-folder.ts';
