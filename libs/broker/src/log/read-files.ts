import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

type OpenFile = { readonly handle: Promise<FileHandle>; users: number; isForgotten: boolean };

/** Files open for reading, opened on first use; beyond `maxOpen` the one not used for longest is closed. */
export class ReadFiles implements AsyncDisposable {
  readonly #maxOpen: number;
  readonly #openByPath = new Map<string, OpenFile>();

  constructor(maxOpen: number) {
    this.#maxOpen = maxOpen;
  }

  /** Up to `length` bytes from `position` on: fewer only where the file ends. */
  async read(path: string, position: number, length: number): Promise<Buffer> {
    const file = this.#use(path);
    try {
      const handle = await file.handle;
      const bytes = Buffer.allocUnsafeSlow(length);
      let at = 0;
      while (at < length) {
        const { bytesRead } = await handle.read(bytes, at, length - at, position + at);
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return at === length ? bytes : bytes.subarray(0, at);
    } catch (error) {
      this.forget(path);
      throw error;
    } finally {
      file.users -= 1;
      await closeIfUnused(file);
    }
  }

  /** The file is gone or replaced. */
  forget(path: string): void {
    const file = this.#openByPath.get(path);
    if (!file) return;
    this.#openByPath.delete(path);
    file.isForgotten = true;
    void closeIfUnused(file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const files = [...this.#openByPath.values()];
    for (const path of [...this.#openByPath.keys()]) this.forget(path);
    await Promise.allSettled(files.map((file) => file.handle));
  }

  #use(path: string): OpenFile {
    const known = this.#openByPath.get(path);
    const file = known ?? { handle: open(path, 'r'), users: 0, isForgotten: false };
    this.#openByPath.delete(path); // to the end: the order of the map is the order of use
    this.#openByPath.set(path, file);
    file.users += 1;
    for (const oldest of this.#openByPath.keys()) {
      if (this.#openByPath.size <= this.#maxOpen) break;
      this.forget(oldest);
    }
    return file;
  }
}

async function closeIfUnused(file: OpenFile): Promise<void> {
  if (file.users > 0 || !file.isForgotten) return;
  await file.handle.then((handle) => handle.close()).catch(() => undefined); // it was only read
}
