export { trainer } from './service.ts';
