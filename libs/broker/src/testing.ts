import { Scope, silentLogger } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { startBroker } from './broker.ts';
import type { Broker } from './broker.ts';
import type { BrokerOptions } from './options.ts';

/** A broker on any free port with a folder of its own; both go with it. */
export async function startTestBroker(
  options: Partial<BrokerOptions> = {},
): Promise<Broker & { readonly address: string }> {
  const scope = new Scope();
  const { path } = scope.use(temporaryFolder());
  const broker = scope.use(
    await startBroker({ folder: path, port: 0, log: silentLogger, ...options }),
  );
  return {
    host: broker.host,
    port: broker.port,
    failed: broker.failed,
    address: `${broker.host}:${broker.port}`,
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}
