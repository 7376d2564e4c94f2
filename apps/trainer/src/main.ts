import { runProcess } from '@flywheel/runtime';
import { trainer } from './service.ts';

process.exitCode = await runProcess([trainer], {
  environment: process.env,
  arguments: process.argv.slice(2),
});
