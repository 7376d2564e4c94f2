import { sha256 } from '@flywheel/core';
import type { registry } from '@flywheel/contracts';
import { openModelPool } from '@flywheel/inference';
import { logisticModel, slowModel } from '@flywheel/inference/testing';
import { temporaryFolder } from '@flywheel/core/testing';
import { openFileObjectStore } from '@flywheel/storage';
import { describe, expect, it } from 'vitest';
import { ModelCache } from './model-cache.ts';

async function start() {
  const folder = temporaryFolder();
  const objects = await openFileObjectStore({ folder: folder.path });
  const pool = await openModelPool({ workers: 1 });
  const cache = new ModelCache({ objects, pool });
  return {
    pool,
    cache,
    store: async (name: string, bytes: Uint8Array): Promise<registry.Variant> => {
      await objects.put(name, Buffer.from(bytes));
      return {
        name,
        role: 'champion',
        weight: 1,
        model: 'm',
        version: 1,
        digest: sha256(bytes),
        sampleRatio: 1,
        artifact: { objectKey: name, sha256: sha256(bytes) },
      };
    },
    [Symbol.asyncDispose]: async () => {
      await cache[Symbol.asyncDispose]();
      await pool[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

describe('a model cache', () => {
  it('loads the same bytes once, whoever asks', async () => {
    await using system = await start();
    const variant = await system.store('a', logisticModel([1, 2], 0));

    const [one, other] = await Promise.all([
      system.cache.load(variant),
      system.cache.load({ ...variant, name: 'b' }),
    ]);

    expect(one).toBe(other);
  });

  it('lets go of a model only when the requests that use it have ended', async () => {
    await using system = await start();
    const variant = await system.store('a', logisticModel([1, 2], 0));
    const model = await system.cache.load(variant);
    const inUse = model.use();

    let isGone = false;
    const letGo = system.cache.keepOnly(new Set()).then(() => (isGone = true));
    const { scores } = await model.score(Float32Array.from([1, 1]), 1);
    expect(scores[0]).toBeCloseTo(1 / (1 + Math.exp(-3)), 6);
    expect(isGone).toBe(false);
    inUse[Symbol.dispose]();
    await letGo;

    await expect(model.score(Float32Array.from([1, 1]), 1)).rejects.toMatchObject({
      code: 'unavailable',
    });
  });

  it('frees the threads of a slow model with it, and loads it anew', async () => {
    await using system = await start();
    const variant = await system.store('slow', slowModel(3000));
    const isPooled = () => system.pool.has(variant.artifact.sha256);

    await system.cache.load(variant);
    expect(isPooled()).toBe(true);
    await system.cache.keepOnly(new Set());
    expect(isPooled()).toBe(false);
    await system.cache.load(variant);
    expect(isPooled()).toBe(true);
  });

  it('tries again what could not be loaded', async () => {
    await using system = await start();
    const variant = await system.store('a', logisticModel([1, 2], 0));
    const missing = { ...variant, artifact: { ...variant.artifact, objectKey: 'not-there-yet' } };

    await expect(system.cache.load(missing)).rejects.toMatchObject({ code: 'unavailable' });
    await system.store('not-there-yet', logisticModel([1, 2], 0));

    expect((await system.cache.load(missing)).features).toBe(2);
  });

  it('refuses bytes that are not those the registry recorded', async () => {
    await using system = await start();
    const variant = await system.store('a', logisticModel([1, 2], 0));
    const other = { ...variant, artifact: { ...variant.artifact, sha256: 'e'.repeat(64) } };

    await expect(system.cache.load(other)).rejects.toMatchObject({ code: 'internal' });
  });
});
