import { serverNames, type ServerName } from './server.ts';

export type Command = {
  readonly action: 'start' | 'stop' | 'status' | 'env';
  readonly names: readonly ServerName[];
  readonly json: boolean;
  /** Throws all data away before a start. */
  readonly fresh: boolean;
};

export const usage = `usage: npm run servers [-- ACTION] [SERVER…] [--json] [--fresh]

  start   install and start the servers, return when all are healthy (without an action: this)
  stop    end them
  status  say which are healthy; exit 1 unless all are
  env     print the variables that lead the platform to them

  --json  print one object
  --fresh throw the servers' data away before the start
  SERVER  any of ${serverNames.join(', ')}; without one, all`;

const options: readonly string[] = ['--json', '--fresh'];
const actions = ['start', 'stop', 'status', 'env'] as const;

/** Reads the command line; throws a sentence for what it does not know. */
export function parseArguments(args: readonly string[]): Command {
  const words = args.filter((word) => !word.startsWith('--'));
  const unknown = args.find((word) => word.startsWith('--') && !options.includes(word));
  if (unknown !== undefined) throw new Error(`unknown option "${unknown}"\n${usage}`);
  const action = actions.find((known) => known === words[0]);
  const named = action === undefined ? words : words.slice(1);
  const names = named.map((word) => {
    const name = serverNames.find((known) => known === word);
    if (name === undefined) throw new Error(`unknown word "${word}"\n${usage}`);
    return name;
  });
  return {
    action: action ?? 'start',
    names: names.length === 0 ? serverNames : [...new Set(names)],
    json: args.includes('--json'),
    fresh: args.includes('--fresh'),
  };
}
