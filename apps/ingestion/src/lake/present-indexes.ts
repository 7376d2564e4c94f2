import { sqlText } from '@flywheel/storage';
import type { Analytics } from '@flywheel/storage';
import type { LakeFile } from './commit-log.ts';

/** Indexes of a batch's records that lie in these files already. */
export async function presentIndexes(
  files: readonly LakeFile[],
  batch: string,
  openAnalytics: () => Promise<Analytics>,
  localFile: (key: string) => Promise<string>,
): Promise<ReadonlySet<number>> {
  const present = new Set<number>();
  if (files.length === 0) return present;
  const paths = await Promise.all(files.map((file) => localFile(file.key)));
  await using analytics = await openAnalytics();
  const prefix = `${batch}/`;
  for await (const rows of analytics.batches<{ at: number }>(
    `select cast(substr(_id, ${prefix.length + 1}) as bigint)::double as at
     from read_parquet([${paths.map(sqlText).join(', ')}], union_by_name = true)
     where starts_with(_id, ${sqlText(prefix)})`,
  ))
    for (const row of rows) present.add(row.at);
  return present;
}
