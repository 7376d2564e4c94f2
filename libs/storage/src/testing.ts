export { describeSql } from './sql.contract.ts';
export { describeOnlineStore } from './online-store.contract.ts';
export { describeObjectStore } from './object-store.contract.ts';
export { freshPostgresFolder, startTestPostgres } from './test-postgres.ts';
