import { describeSql } from './sql.contract.ts';
import { startTestPostgres } from './test-postgres.ts';

describeSql('the embedded PostgreSQL', startTestPostgres);
