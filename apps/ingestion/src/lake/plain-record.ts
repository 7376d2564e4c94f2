import { MORE, wholeText } from './lake-columns.ts';

/**
 * The text of a record as a table takes it: each member once (of equal names the last counts), under the name of its
 * column, in whole characters. Values keep their text, and so all their digits. `text` is a JSON object.
 */
export function plainRecord(text: string, names: ReadonlyMap<string, string>): string {
  const members = new Map<string, string>();
  for (const [name, value] of membersOf(text)) members.set(name, value);
  const own: string[] = [];
  const more: string[] = [];
  for (const [name, value] of members) {
    const column = names.get(name);
    if (column === undefined) more.push(`${JSON.stringify(wholeText(name))}:${value}`);
    else own.push(`${JSON.stringify(column)}:${value}`);
  }
  if (more.length > 0) own.push(`"${MORE}":{${more.join(',')}}`);
  return wholeCharacters(`{${own.join(',')}}`);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** The members of an object: the name, and the text of the value without white space around it. */
function* membersOf(text: string): Generator<[string, string]> {
  let at = text.indexOf('{') + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0 || text.slice(at, quote).includes('}')) return;
    const nameEnd = stringEnd(text, quote);
    const name = JSON.parse(text.slice(quote, nameEnd)) as string; // a JSON string, as scanned
    const start = text.indexOf(':', nameEnd) + 1;
    const end = valueEnd(text, start);
    yield [name, text.slice(start, end).trim()];
    at = end + 1;
    if (text.charCodeAt(end) !== COMMA) return;
  }
}

/** The place of the comma or bracket behind the value that begins at `start`. */
function valueEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at) - 1;
    else if (OPENING.has(code)) depth++;
    else if (CLOSING.has(code) && depth-- === 0) return at;
    else if (code === COMMA && depth === 0) return at;
  }
  return text.length;
}

/** The place behind the closing quote of the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at + 1;
  }
  return text.length;
}

const ESCAPES =
  /\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\[^]/g;

/** JSON may escape half of a character; text cannot hold it: U+FFFD stands for it, as everywhere. */
function wholeCharacters(text: string): string {
  return text.replace(ESCAPES, (escape) =>
    /^\\u[dD][89a-fA-F]..$/.test(escape) ? '\\ufffd' : escape,
  );
}
