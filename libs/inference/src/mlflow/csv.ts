import { invalid } from '@flywheel/core';

/**
 * The rows of a CSV text (RFC 4180: quotes doubled inside quotes; CRLF or LF), every cell as text. Empty lines are passed
 * over.
 */
export function parseCsv(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const cell = text[at] === '"' ? quotedCell(text, at, rows.length) : plainCell(text, at);
    row.push(cell.text);
    at = cell.end;
    const next = text[at];
    if (next === ',') {
      at += 1;
      if (at === text.length) row.push('');
      else continue;
    } else if (next === '\r' && text[at + 1] === '\n') at += 2;
    else if (next === '\n') at += 1;
    else if (next !== undefined)
      throw invalid(`csv[${rows.length}]`, 'must have a comma or a line end after a quoted cell');
    if (row.length > 1 || row[0] !== '' || cell.isQuoted) rows.push(row);
    row = [];
  }
  return rows;
}

type Cell = { readonly text: string; readonly end: number; readonly isQuoted: boolean };

function quotedCell(text: string, start: number, row: number): Cell {
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) throw invalid(`csv[${row}]`, 'must close its quotes');
    if (text[quote + 1] !== '"') {
      const cell = text.slice(start + 1, quote).replaceAll('""', '"');
      return { text: cell, end: quote + 1, isQuoted: true };
    }
    at = quote + 2;
  }
}

function plainCell(text: string, start: number): Cell {
  let end = start;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n') end += 1;
  if (text[end] === '\n' && text[end - 1] === '\r' && end > start) end -= 1;
  return { text: text.slice(start, end), end, isQuoted: false };
}
