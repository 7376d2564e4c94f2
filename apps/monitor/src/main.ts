import { runProcess } from '@flywheel/runtime';
import { monitor } from './service.ts';

process.exitCode = await runProcess([monitor], {
  environment: process.env,
  arguments: process.argv.slice(2),
});
