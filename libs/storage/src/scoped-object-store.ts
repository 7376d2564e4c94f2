import { checkKey } from './object-keys.ts';
import type { ObjectStore } from './object-store.ts';

/** `store` seen from below `prefix`: what is outside cannot be named. */
export function scopeObjectStore(store: ObjectStore, prefix: string): ObjectStore {
  checkKey(prefix, 'prefix');
  const inner = (key: string): string => {
    checkKey(key);
    return `${prefix}/${key}`;
  };
  return {
    put: async (key, body, options) => store.put(inner(key), body, options),
    get: async (key, options) => store.get(inner(key), options),
    open: async (key, options) => store.open(inner(key), options),
    stat: async (key, options) => store.stat(inner(key), options),
    delete: async (key, options) => store.delete(inner(key), options),
    localFile: async (key, options) => store.localFile(inner(key), options),
    async *list(below, options) {
      for await (const object of store.list(`${prefix}/${below}`, options))
        yield { ...object, key: object.key.slice(prefix.length + 1) };
    },
    scoped: (deeper) => {
      checkKey(deeper, 'prefix');
      return scopeObjectStore(store, inner(deeper));
    },
  };
}
