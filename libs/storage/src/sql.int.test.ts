import { serverAddress } from './server-address.contract.ts';
import { describeSql } from './sql.contract.ts';

const url = serverAddress('DATABASE_URL');

describeSql('PostgreSQL', () => Promise.resolve({ url }));
