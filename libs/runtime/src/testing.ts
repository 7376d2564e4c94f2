export { startTestProcess } from './start-test-process.ts';
