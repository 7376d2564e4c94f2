import { runProcess } from '@flywheel/runtime';
import { router } from './service.ts';

process.exitCode = await runProcess([router], {
  environment: process.env,
  arguments: process.argv.slice(2),
});
