import { AppError } from '@flywheel/core';
import type { Sql } from '@flywheel/storage';
import { referenceProfile } from './reference-profile.ts';
import type { ReferenceProfile } from './reference-profile.ts';

/** Frozen reference profiles by endpoint. */
export class References {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async put(endpoint: string, profile: ReferenceProfile): Promise<void> {
    await this.#sql.query(
      'insert into reference_profiles (endpoint, profile) values ($1, $2) on conflict (endpoint) do update set profile = excluded.profile',
      [endpoint, JSON.stringify(profile)],
    );
  }

  async get(endpoint: string): Promise<ReferenceProfile> {
    const [row] = await this.#sql.query<{ profile: unknown }>(
      'select profile from reference_profiles where endpoint = $1',
      [endpoint],
    );
    if (!row)
      throw new AppError('conflict', 'the endpoint has no reference yet: put one first', {
        details: { endpoint },
      });
    return referenceProfile.parse(row.profile);
  }
}
