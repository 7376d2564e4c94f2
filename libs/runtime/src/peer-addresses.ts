import type { Owner } from '@flywheel/contracts';
import { z } from 'zod';

const services: readonly string[] = [
  'ingestion',
  'feature-store',
  'tracking',
  'registry',
  'trainer',
  'router',
  'monitor',
] satisfies readonly Owner[];

/** Base addresses by service. */
export type PeerAddresses = Readonly<Partial<Record<Owner, string>>>;

/** `ingestion=http://127.0.0.1:7101,tracking=http://…` as base addresses by service. */
export function peerAddresses(): z.ZodType<PeerAddresses, string> {
  return z.string().transform((list, context) => {
    const entries = list.split(',').filter((entry) => entry.trim() !== '');
    return Object.fromEntries(
      entries.map((entry) => {
        const at = entry.indexOf('=');
        const [service, address] = [entry.slice(0, at).trim(), entry.slice(at + 1).trim()];
        if (at < 0 || !/^https?:\/\//.test(address) || !URL.canParse(address))
          context.addIssue(`has "${entry.trim()}" where it must have <service>=<http address>`);
        else if (!services.includes(service))
          context.addIssue(`names "${service}", which is none of ${services.join(', ')}`);
        return [service, address.replace(/\/+$/, '')];
      }),
    );
  });
}
