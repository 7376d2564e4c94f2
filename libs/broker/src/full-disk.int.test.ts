import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Scope, silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { expect, it } from 'vitest';
import { startBrokerProcess } from './broker-process.ts';
import { aBatch } from './testing/a-batch.ts';
import { WireClient } from './testing/wire-client.ts';
import { fetchOne, makeTopic, produceOne, wire } from './testing/wire.ts';

/* Needs root: the disk is a tmpfs of 8 MB. */
it('a disk that fills up stops appends, not reads, and nothing else when there is room again', async () => {
  using temporary = temporaryFolder();
  await using scope = new Scope();
  const disk = join(temporary.path, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
  scope.defer(() => execFileSync('umount', [disk]));
  const folder = join(disk, 'data');
  const broker = scope.use(await startBrokerProcess({ folder, port: 0, log: silentLogger }));
  const client = scope.use(await WireClient.connect(broker));
  await makeTopic(client, 't', { configs: { 'segment.bytes': '1048576' } });
  const large = () => aBatch({ records: [{ value: Buffer.alloc(100_000, 1) }] });
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(3_000_000));

  let acked = 0;
  let refused = 0;
  while (refused < 5 && acked < 200) {
    const { error, baseOffset } = await produceOne(client, 't', large());
    expect(error === 0 ? baseOffset : error).toBe(error === 0 ? acked : 56);
    if (error === 0) acked += 1;
    else refused += 1;
  }
  expect(acked).toBeGreaterThan(20);
  expect(refused).toBe(5);
  const commit = await client.call(wire.offsetFetch, 5, { groupId: 'g', topics: null });
  expect(commit.error).toBe(0);
  for (let offset = 0; offset < acked; offset++) {
    const found = await fetchOne(client, 't', offset, { partitionMaxBytes: 1 });
    expect(found).toMatchObject({ error: 0, highWatermark: acked });
    expect(found.bytes).toHaveLength(large().length);
  }
  rmSync(ballast);

  await eventually(async () => {
    expect(await produceOne(client, 't', large())).toEqual({ error: 0, baseOffset: acked });
  });
  await broker[Symbol.asyncDispose]();
  await using again = await startBrokerProcess({ folder, port: 0, log: silentLogger });
  await using reader = await WireClient.connect(again);
  expect(await fetchOne(reader, 't', acked)).toMatchObject({ highWatermark: acked + 1 });
});
