import { realDisk } from '../log/disk.ts';
import type { Disk } from '../log/disk.ts';

/** A disk whose syncs of some files wait until they are let go, one by one. For tests. */
export function heldDisk(isHeld: (path: string) => boolean): {
  disk: Disk;
  /** Syncs that wait now. */
  held: (() => void)[];
} {
  const held: (() => void)[] = [];
  const disk: Disk = {
    ...realDisk,
    openForAppend: async (path) => {
      const handle = await realDisk.openForAppend(path);
      return {
        ...handle,
        datasync: () =>
          isHeld(path) ? new Promise<void>((resolve) => held.push(resolve)) : handle.datasync(),
      };
    },
  };
  return { disk, held };
}
