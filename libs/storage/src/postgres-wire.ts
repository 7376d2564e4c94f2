/** What a client may send before its first typed message (PostgreSQL protocol 3, "Message Formats"). */
export type Opening =
  | { kind: 'startup'; minorVersion: number; parameters: ReadonlyMap<string, string> }
  | { kind: 'encryption' }
  | { kind: 'cancel' };

const cancelRequest = 80877102;
const sslRequest = 80877103;
const gssRequest = 80877104;
/** A length beyond this is not a message but noise on the port. */
const largestMessage = 1 << 30;

/** Cuts the stream of one connection into messages without copying a long one more than once. */
export class MessageReader {
  #chunks: Buffer[] = [];
  #size = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The untyped first message, or undefined while it is incomplete. */
  takeOpening(): Opening | undefined {
    const body = this.#take(0);
    if (!body) return undefined;
    const code = body.readInt32BE(4);
    if (code === sslRequest || code === gssRequest) return { kind: 'encryption' };
    if (code === cancelRequest) return { kind: 'cancel' };
    if (code >>> 16 !== 3) throw new Error('not the PostgreSQL protocol 3');
    return { kind: 'startup', minorVersion: code & 0xffff, parameters: parametersOf(body) };
  }

  /** The next typed message whole, or undefined while it is incomplete. */
  takeMessage(): Buffer | undefined {
    return this.#take(1);
  }

  #take(lengthAt: number): Buffer | undefined {
    if (this.#size < lengthAt + 4) return undefined;
    if ((this.#chunks[0] as Buffer).length < lengthAt + 4) this.#join();
    const total = lengthAt + (this.#chunks[0] as Buffer).readInt32BE(lengthAt);
    if (total < lengthAt + 4 || total > largestMessage || (lengthAt === 0 && total < 8))
      throw new Error('a message of impossible length');
    if (this.#size < total) return undefined;
    if ((this.#chunks[0] as Buffer).length < total) this.#join();
    const first = this.#chunks[0] as Buffer;
    if (first.length === total) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(total);
    this.#size -= total;
    return first.subarray(0, total);
  }

  #join(): void {
    this.#chunks = [Buffer.concat(this.#chunks, this.#size)];
  }
}

/** A message of `type` around `body`. */
export function message(type: string, ...body: (string | Buffer)[]): Buffer {
  const parts = body.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part));
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(4 + parts.reduce((sum, part) => sum + part.length, 0), 1);
  return Buffer.concat([head, ...parts]);
}

export const sync = message('S');

export function simpleQuery(text: string): Buffer {
  return message('Q', text);
}

/** An ErrorResponse that ends the connection. */
export function fatal(sqlState: string, text: string): Buffer {
  return message('E', 'SFATAL', 'VFATAL', `C${sqlState}`, `M${text}`, Buffer.from([0]));
}

/** Tells a client of a later minor version that it is served 3.0. */
export const speaksOnly30 = message('v', Buffer.alloc(8));

/** The values of the ParameterStatus messages for `name` within `output`, whole messages of a server. */
export function lastParameterStatus(output: Buffer, name: string): string | undefined {
  let value: string | undefined;
  for (let at = 0; at + 5 <= output.length; at += 1 + output.readInt32BE(at + 1)) {
    if (output[at] !== 0x53) continue;
    const end = at + 1 + output.readInt32BE(at + 1);
    const [key, text] = output.toString('utf8', at + 5, end).split('\0');
    if (key === name) value = text;
  }
  return value;
}

/**
 * The same message with the name of its prepared statement replaced, when it names one: all connections share one
 * backend, where equal names would meet. The unnamed statement stays unnamed.
 */
export function renameStatement(
  bytes: Buffer,
  rename: (name: string) => string,
): { bytes: Buffer; name?: string } {
  const at = statementNameAt(bytes);
  if (at === undefined || bytes[at] === 0) return { bytes };
  const end = bytes.indexOf(0, at);
  const name = rename(bytes.toString('utf8', at, end));
  const type = String.fromCharCode(bytes[0] as number);
  return { bytes: message(type, bytes.subarray(5, at), name, bytes.subarray(end + 1)), name };
}

function statementNameAt(bytes: Buffer): number | undefined {
  switch (bytes[0]) {
    case 0x50: // Parse: name, query, …
      return 5;
    case 0x42: // Bind: portal, name, …
      return bytes.indexOf(0, 5) + 1;
    case 0x44: // Describe and Close: 'S' or 'P', name
    case 0x43:
      return bytes[5] === 0x53 ? 6 : undefined;
    default:
      return undefined;
  }
}

function parametersOf(body: Buffer): Map<string, string> {
  const fields = body.toString('utf8', 8).split('\0');
  const parameters = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length && fields[at] !== ''; at += 2)
    parameters.set(fields[at] as string, fields[at + 1] as string);
  return parameters;
}

/** True when the last message in `output` is ReadyForQuery, which is six bytes long. */
export function endsWithReady(output: Buffer): boolean {
  return output.length >= 6 && output[output.length - 6] === 0x5a;
}

/** The text of the first error in `output`, whole messages of a server. */
export function errorIn(output: Buffer): string | undefined {
  for (let at = 0; at + 5 <= output.length; at += 1 + output.readInt32BE(at + 1)) {
    if (output[at] !== 0x45) continue;
    const fields = output.toString('utf8', at + 5, at + 1 + output.readInt32BE(at + 1)).split('\0');
    return fields.find((field) => field.startsWith('M'))?.slice(1) ?? 'unknown error';
  }
  return undefined;
}

/** `output`, whole messages of a server, without those of `type`; the same buffer when it has none. */
export function withoutMessages(output: Buffer, type: number): Buffer {
  const kept: Buffer[] = [];
  let found = false;
  for (let at = 0; at + 5 <= output.length;) {
    const end = at + 1 + output.readInt32BE(at + 1);
    if (output[at] === type) found = true;
    else kept.push(output.subarray(at, end));
    at = end;
  }
  return found ? Buffer.concat(kept) : output;
}

/** The first column of the rows in `output`, whole messages of a server, as text. */
export function rowsOfSimpleQuery(output: Buffer): string[] {
  const rows: string[] = [];
  for (let at = 0; at + 5 <= output.length; at += 1 + output.readInt32BE(at + 1)) {
    if (output[at] !== 0x44) continue;
    const length = output.readInt32BE(at + 7);
    rows.push(length < 0 ? '' : output.toString('utf8', at + 11, at + 11 + length));
  }
  return rows;
}
