import { AppError } from '@flywheel/core';

/** `ingestion=http://127.0.0.1:7101,tracking=http://…` as a map from service to base address. */
export function parsePeers(list: string): Map<string, string> {
  const entries = list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  return new Map(
    entries.map((entry) => {
      const [service, address] = splitOnce(entry, '=');
      if (!service || !address || !URL.canParse(address))
        throw new AppError('invalid_argument', 'the environment is not valid', {
          details: { problems: [`FLYWHEEL_PEERS: "${entry}" is not <service>=<address>`] },
        });
      return [service, address.replace(/\/+$/, '')];
    }),
  );
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
