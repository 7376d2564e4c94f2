import { open } from 'node:fs/promises';

/** A file that only grows, except when a failed write is taken back. */
export type AppendHandle = {
  writev(buffers: readonly Buffer[], position: number): Promise<number>;
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
};

/** How the broker opens files for writing: a port of its own, so that tests can fill or break the disk. */
export type Disk = {
  openForAppend(path: string): Promise<AppendHandle>;
  syncFolder(path: string): Promise<void>;
};

export const realDisk: Disk = {
  openForAppend: async (path) => {
    const file = await open(path, 'r+').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return open(path, 'wx+');
      throw error;
    });
    return {
      writev: async (buffers, position) => (await file.writev(buffers, position)).bytesWritten,
      datasync: () => file.datasync(),
      truncate: (length) => file.truncate(length),
      close: () => file.close(),
    };
  },
  syncFolder: async (path) => {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

/** The `code` of a Node error such as `ENOSPC`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
