import { TokenReader } from './token-reader.ts';
import type { Subject } from './token-reader.ts';

export type OrderTerm = { readonly subject: Subject; readonly isDescending: boolean };

/** `[entity.]key [ASC or DESC]`, one term per text. */
export function parseOrder(texts: readonly string[], field = 'order_by'): OrderTerm[] {
  return texts.map((text, index) => {
    const reader = new TokenReader(text, `${field}[${index}]`);
    const subject = reader.subject();
    const isDescending = reader.takeWord('DESC');
    if (!isDescending) reader.takeWord('ASC');
    if (reader.peek() !== undefined)
      throw reader.fault(reader.position, 'expected ASC or DESC and nothing more');
    return { subject, isDescending };
  });
}
