import { runProcess } from '@flywheel/runtime';
import { registry } from './service.ts';

process.exitCode = await runProcess([registry], {
  environment: process.env,
  arguments: process.argv.slice(2),
});
