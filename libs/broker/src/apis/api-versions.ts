import type { Api, AnyApi } from '../protocol/api.ts';
import type { Codec } from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';

type VersionRange = {
  readonly key: number;
  readonly minVersion: number;
  readonly maxVersion: number;
};
type Answer = { readonly error: number; readonly apis: readonly VersionRange[] };

export const apiVersionsKey = 18;
const firstFlexibleVersion = 3;

/** The body of requests says who the client is; nothing here depends on it. */
const request: Codec<undefined> = { read: () => undefined, write: () => undefined };

/** From version 3 on with compact arrays and tagged fields, but always behind the old response header. */
export const apiVersionsResponse: Codec<Answer> = {
  read: () => {
    throw new Error('only written');
  },
  write: (to, { error, apis }, version) => {
    const isFlexible = version >= firstFlexibleVersion;
    to.int16(error);
    if (isFlexible) to.unsignedVarint(apis.length + 1);
    else to.int32(apis.length);
    for (const { key, minVersion, maxVersion } of apis) {
      to.int16(key);
      to.int16(minVersion);
      to.int16(maxVersion);
      if (isFlexible) to.unsignedVarint(0);
    }
    if (version >= 1) to.int32(0);
    if (isFlexible) to.unsignedVarint(0);
  },
};

export function apiVersions(others: readonly AnyApi[]): Api<undefined, Answer> {
  const own = { key: apiVersionsKey, minVersion: 0, maxVersion: 3 };
  const apis = [...others, own].map(({ key, minVersion, maxVersion }) => ({
    key,
    minVersion,
    maxVersion,
  }));
  return {
    ...own,
    request,
    response: apiVersionsResponse,
    handle: () => ({ error: errorCodes.none, apis }),
  };
}
