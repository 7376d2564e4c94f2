import { silentLogger } from '@flywheel/core';
import { startBrokerProcess } from '../broker-process.ts';

/** Started by a test, to be killed: a process that owns a broker process. Prints `pid port` of the latter. */
const broker = await startBrokerProcess({
  folder: process.argv[2] ?? '',
  port: 0,
  log: silentLogger,
});
process.stdout.write(`${broker.pid} ${broker.port}\n`);
setInterval(() => undefined, 60_000);
