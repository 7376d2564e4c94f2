import type { Logger } from '@flywheel/core';
import { parseJson } from '@flywheel/http';
import type { OpaqueRecord } from '@flywheel/kafka';
import type { DefinitionStore } from '../definitions/definition-store.ts';
import type { OnlineRow, OnlineRows } from '../online/online-rows.ts';
import { rowOf } from '../online/view-rows.ts';
import { applyStreamed } from './apply-streamed.ts';
import type { OnlineProgress } from '../online/online-progress.ts';

/** Integers that JSON.parse would round: they must be read to the digit, for entities may be numbered so. */
const LONG_DIGITS = /[0-9]{16}/;

/** Records of the datasets that views read go into the online store as they are ingested. */
export function onRecordsReceived({
  definitions,
  online,
  progress,
  log,
}: {
  definitions: DefinitionStore;
  online: OnlineRows;
  progress: OnlineProgress;
  log: Logger;
}) {
  return async (records: readonly OpaqueRecord[]): Promise<void> => {
    const readers = definitions
      .views()
      .flatMap((view) =>
        view.view.sources.flatMap((source) =>
          source.kind === 'dataset' ? [{ view, source }] : [],
        ),
      );
    if (readers.length === 0) return;
    const datasets = new Set(readers.map(({ source }) => source.dataset));
    const parsed = records
      .filter((record) => datasets.has(record.subject))
      .flatMap((record) => readRecord(record, log));
    const batches = readers.map(({ view, source }) => {
      const rows: OnlineRow[] = [];
      for (const { id, dataset, content } of parsed) {
        if (dataset !== source.dataset) continue;
        const row = rowOf(view, source, content, { id, revision: 0 });
        if (typeof row === 'string') progress.skipped(view.view.name, row);
        else rows.push(row);
      }
      return { view, rows };
    });
    await applyStreamed({ online, progress }, batches);
  };
}

function readRecord(
  record: OpaqueRecord,
  log: Logger,
): { id: string; dataset: string; content: Record<string, unknown> }[] {
  try {
    const text = Buffer.from(record.value).toString();
    const content = LONG_DIGITS.test(text)
      ? parseJson(text, { bigIntegers: true })
      : (JSON.parse(text) as unknown);
    if (typeof content !== 'object' || content === null || Array.isArray(content)) return [];
    return [
      { id: record.id, dataset: record.subject, content: content as Record<string, unknown> },
    ]; // an object, as checked above
  } catch (error) {
    log.warn({ err: error, id: record.id }, 'a record is not JSON and gives no feature');
    return [];
  }
}
