import { runProcess } from '@flywheel/runtime';
import { featureStore } from './service.ts';

process.exitCode = await runProcess([featureStore], {
  environment: process.env,
  arguments: process.argv.slice(2),
});
