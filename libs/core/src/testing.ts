export { draws, shuffled } from './drawing.ts';
export { eventually } from './eventually.ts';
export { temporaryFolder } from './temporary-folder.ts';
