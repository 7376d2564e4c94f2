import { exitCodes, explain } from '@flywheel/runtime';
import { parseOptions } from './options.ts';
import { reportPage } from './report-page.ts';
import { runBench } from './run-bench.ts';

try {
  const options = parseOptions(process.argv.slice(2));
  const report = await runBench(options, process.env);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reportPage(report));
  process.exitCode = report.ok ? exitCodes.ok : exitCodes.failure;
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(exitCodes.failure); // what it still waits for ends with the process
}
