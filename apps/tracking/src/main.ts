import { runProcess } from '@flywheel/runtime';
import { tracking } from './service.ts';

process.exitCode = await runProcess([tracking], {
  environment: process.env,
  arguments: process.argv.slice(2),
});
