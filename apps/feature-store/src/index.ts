export { featureStore } from './service.ts';
