import { runProcess } from '@flywheel/runtime';
import { ingestion } from './service.ts';

process.exitCode = await runProcess([ingestion], {
  environment: process.env,
  arguments: process.argv.slice(2),
});
