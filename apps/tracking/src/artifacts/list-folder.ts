import type { ObjectStore } from '@flywheel/storage';

/** An entry of a folder; files have a size. */
export type FolderEntry = {
  readonly path: string;
  readonly is_dir: boolean;
  readonly file_size?: number;
};

/** What lies directly in a folder by its base name, in the order of names; a folder that is not there is empty. */
export async function listFolder(
  objects: Pick<ObjectStore, 'list'>,
  folder: string,
  signal?: AbortSignal,
): Promise<FolderEntry[]> {
  const prefix = `${folder}/`;
  const entries = new Map<string, FolderEntry>();
  for await (const { key, sizeBytes } of objects.list(prefix, signal ? { signal } : {})) {
    const rest = key.slice(prefix.length);
    const slash = rest.indexOf('/');
    const path = slash < 0 ? rest : rest.slice(0, slash);
    if (slash < 0) entries.set(path, { path, is_dir: false, file_size: sizeBytes });
    else if (!entries.has(path)) entries.set(path, { path, is_dir: true });
  }
  return [...entries.values()];
}
