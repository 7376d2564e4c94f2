import { run, findProgram } from '../../tools/servers/command.ts';
import type { DebianPackages } from '../../tools/servers/debian.ts';

/** What one client found: a title, and the reason where it does not hold. */
export type Finding = { readonly title: string; readonly failure: string | undefined };

/** Reads the log with kcat, which is librdkafka, a client that shares no code with ours. */
export async function readWithKcat(
  brokers: string,
  debian: DebianPackages,
): Promise<readonly Finding[]> {
  if (findProgram('kcat') === undefined)
    await debian.install(['kcat'], (line) => process.stderr.write(`kcat: ${line}\n`));
  const kcat = (...args: readonly string[]): Promise<string> => ask(['-b', brokers, ...args]);
  const topic = 'inference.predictions';
  const first = ['-t', topic, '-C', '-o', 'beginning', '-e', '-q', '-c', '1'];
  return [
    await find('kcat lists the topics of the lap', async () => {
      const listed = await kcat('-L');
      for (const name of [topic, 'ingest.records', 'registry.deployments', 'monitor.reports'])
        demand(listed.includes(`topic "${name}"`), `${name} is not listed`);
    }),
    await find('kcat reads a prediction as JSON', async () => {
      const value = JSON.parse(await kcat(...first, '-f', '%s')) as unknown;
      demand(typeof value === 'object' && value !== null, 'the value is not an object');
    }),
    await find('its key and its CloudEvents headers are there', async () => {
      const [key = '', headers = ''] = (await kcat(...first, '-f', '%k\\n%h')).split('\n');
      demand(key.length > 0, 'the key is empty');
      for (const name of ['ce_id', 'ce_source', 'ce_specversion=1.0', 'ce_type'])
        demand(headers.includes(name), `${name} is missing in ${headers}`);
    }),
    await find('kcat reads as a member of a consumer group', async () => {
      const group = `conformance-${process.pid}-${Date.now()}`;
      const options = ['-X', 'auto.offset.reset=earliest', '-c', '5', '-e', '-q', '-f', '%o\\n'];
      const offsets = (await kcat('-G', group, ...options, topic)).trim().split('\n');
      demand(
        offsets.every((offset) => /^\d+$/.test(offset)),
        `it read ${offsets.join(', ')}`,
      );
    }),
    await find('kcat finds the offset of a time', async () => {
      const answer = await kcat('-Q', '-t', `${topic}:0:1`);
      demand(/offset \d+/.test(answer), answer);
    }),
  ];
}

async function ask(args: readonly string[]): Promise<string> {
  const { code, output } = await run('kcat', args, { withinMs: 60_000 });
  if (code !== 0) throw new Error(`kcat ends with ${code ?? 'a time-out'}: ${output.trim()}`);
  return output;
}

async function find(title: string, check: () => Promise<void>): Promise<Finding> {
  try {
    await check();
    return { title, failure: undefined };
  } catch (error) {
    return { title, failure: error instanceof Error ? error.message : String(error) };
  }
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
