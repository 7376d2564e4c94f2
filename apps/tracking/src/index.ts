export { tracking } from './service.ts';
