import { readFileSync } from 'node:fs';
import { lapReport } from '@flywheel/contracts';
import { findLapFaults } from './lap-facts.ts';

/**
 * Reads the object that `npm run lap -- --json` printed and says what does not add up; exit 1 if anything. After the file,
 * the least number of rows.
 */
const [file, leastRows] = process.argv.slice(2);
const lap = lapReport.parse(JSON.parse(readFileSync(file ?? 0, 'utf8')));
const faults = findLapFaults(lap, leastRows === undefined ? undefined : Number(leastRows));
for (const fault of faults) process.stdout.write(`FAILED ${fault}\n`);
if (faults.length === 0)
  process.stdout.write(
    `ok     ${lap.rows} rows in ${lap.seconds} s, champion's AUC ${lap.models?.champion.auc ?? 0}, p50 ${lap.serving?.p50Ms ?? 0} ms\n`,
  );
process.exitCode = faults.length === 0 ? 0 : 1;
