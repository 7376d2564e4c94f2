import { AppError, silentLogger } from '@flywheel/core';
import type { registry } from '@flywheel/contracts';
import { describe, expect, it } from 'vitest';
import { RouteTable } from './route-table.ts';
import type { Route } from './route-table.ts';

const digest = (letter: string) => letter.repeat(64);

function aDeployment(revision: number, letter = 'a'): registry.Deployment {
  return {
    endpoint: 'flights',
    revision,
    changedAt: '2001-05-01T00:00:00.000Z',
    changedBy: 'test',
    reason: '',
    featureService: null,
    salt: 'salt',
    variants: [
      {
        name: 'm-1',
        role: 'champion',
        model: 'm',
        version: 1,
        digest: digest(letter),
        weight: 1,
        sampleRatio: 1,
        artifact: { objectKey: 'k', sha256: digest(letter) },
      },
    ],
  };
}

const aRoute = (deployment: registry.Deployment): Route => ({
  deployment,
  models: new Map(),
  inputs: { service: undefined, signature: { inputs: [], outputs: [] } },
});

/** A table whose preparations end when the test says so, in any order. */
function controlled() {
  const waiting: { revision: number; end: (error?: Error) => void }[] = [];
  const table = new RouteTable({
    log: silentLogger,
    prepare: (deployment) =>
      new Promise((resolve, reject) =>
        waiting.push({
          revision: deployment.revision,
          end: (error) => (error ? reject(error) : resolve(aRoute(deployment))),
        }),
      ),
  });
  return {
    table,
    end: (revision: number, error?: Error) => {
      const at = waiting.findIndex((one) => one.revision === revision);
      waiting.splice(at, 1)[0]!.end(error);
    },
  };
}

describe('a route table', () => {
  it('answers with the old revision until the new one is prepared', async () => {
    const { table, end } = controlled();
    const first = table.replace(aDeployment(1));
    end(1);
    await first;

    const second = table.replace(aDeployment(2));
    expect(table.route('flights').deployment.revision).toBe(1);
    end(2);
    await second;

    expect(table.route('flights').deployment.revision).toBe(2);
  });

  it('keeps the old revision when a preparation fails, and takes the same revision once it succeeds', async () => {
    const { table, end } = controlled();
    const first = table.replace(aDeployment(1));
    end(1);
    await first;
    const away = new AppError('unavailable', 'the feature store is away');
    const second = table.replace(aDeployment(2));
    end(2, away);

    await expect(second).rejects.toBe(away);
    expect(table.route('flights').deployment.revision).toBe(1);

    const again = table.replace(aDeployment(2));
    end(2);
    await again;
    expect(table.route('flights').deployment.revision).toBe(2);
  });

  it('never goes back, in whatever order revisions come and preparations end', async () => {
    const { table, end } = controlled();
    const second = table.replace(aDeployment(2));
    const third = table.replace(aDeployment(3));
    await table.replace(aDeployment(1));
    end(3);
    await third;
    end(2);
    await second;

    expect(table.route('flights').deployment.revision).toBe(3);
  });

  it('prepares nothing for a revision that answers already', async () => {
    const { table, end } = controlled();
    const first = table.replace(aDeployment(1));
    end(1);
    await first;

    await table.replace(aDeployment(1)); // would wait for ever

    expect(table.route('flights').deployment.revision).toBe(1);
  });

  it('says of nothing that it is not there before it has seen all that is', () => {
    const { table } = controlled();

    expect(() => table.route('flights')).toThrow(expect.objectContaining({ code: 'unavailable' }));
    expect(() => table.newest('flights')).toThrow(expect.objectContaining({ code: 'unavailable' }));
    expect(table.isReady).toBe(false);
    table.complete();
    expect(() => table.route('flights')).toThrow(expect.objectContaining({ code: 'not_found' }));
    expect(table.newest('flights')).toBeUndefined();
    expect(table.isReady).toBe(true);
  });

  it('tells a model that is being loaded from one that is not there', async () => {
    const { table, end } = controlled();
    table.complete();
    const first = table.replace(aDeployment(1));

    expect(() => table.route('flights')).toThrow(expect.objectContaining({ code: 'unavailable' }));
    expect(() => table.route('nothing')).toThrow(expect.objectContaining({ code: 'not_found' }));
    end(1);
    await first;
    table.remove('flights');
    expect(() => table.route('flights')).toThrow(expect.objectContaining({ code: 'not_found' }));
  });

  it('does not bring back what was removed while it was prepared', async () => {
    const { table, end } = controlled();
    const first = table.replace(aDeployment(1));
    table.remove('flights');
    end(1);
    await first;

    expect(table.find('flights')).toBeUndefined();
  });

  it('needs the models of the revision that answers and of the one that is coming', async () => {
    const { table, end } = controlled();
    const first = table.replace(aDeployment(1, 'a'));
    end(1);
    await first;
    const second = table.replace(aDeployment(2, 'b'));

    expect(table.digestsInUse()).toEqual(new Set([digest('a'), digest('b')]));
    end(2);
    await second;
    expect(table.digestsInUse()).toEqual(new Set([digest('b')]));
  });

  it('knows the deployment a prediction was made under, else the newest', async () => {
    const { table, end } = controlled();
    for (const revision of [1, 2]) {
      const replaced = table.replace(aDeployment(revision));
      end(revision);
      await replaced;
    }

    expect(table.deploymentAt('flights', 1)?.revision).toBe(1);
    expect(table.deploymentAt('flights', 7)?.revision).toBe(2);
    expect(table.deploymentAt('nothing', 1)).toBeUndefined();
  });
});
