import { exchange } from './port.ts';

/** The few requests of the Kafka protocol that tell whether a broker can serve clients and groups. */

const apis = { metadata: 3, offsetFetch: 9, findCoordinator: 10, initProducerId: 22 } as const;
const clientId = 'flywheel-servers';

/** One request frame: length, header version 1, body. */
export function frame(apiKey: number, apiVersion: number, body: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeInt16BE(apiKey, 0);
  header.writeInt16BE(apiVersion, 2);
  header.writeInt32BE(1, 4);
  const rest = Buffer.concat([header, text(clientId), body]);
  return Buffer.concat([int32(rest.length), rest]);
}

/** How many brokers Metadata v4 lists; asks for no topic. */
export async function countBrokers(port: number): Promise<number> {
  const body = Buffer.concat([int32(0), Buffer.from([0])]);
  const answer = await request(port, apis.metadata, 4, body);
  return answer.readInt32BE(4);
}

/** Throws until the coordinator of a throw-away group answers for its offsets. */
export async function fetchGroupOffsets(port: number): Promise<void> {
  const group = text('flywheel-warm-up');
  const coordinator = await request(port, apis.findCoordinator, 0, group);
  demand('FindCoordinator', coordinator.readInt16BE(0));
  const offsets = await request(port, apis.offsetFetch, 2, Buffer.concat([group, int32(-1)]));
  demand('OffsetFetch', offsets.readInt16BE(offsets.length - 2));
}

/** Throws until the broker hands out producer ids. */
export async function takeProducerId(port: number): Promise<void> {
  const body = Buffer.concat([int16(-1), int32(1000)]);
  const answer = await request(port, apis.initProducerId, 0, body);
  demand('InitProducerId', answer.readInt16BE(4));
}

/** The answer's body, after length and correlation id. */
async function request(
  port: number,
  apiKey: number,
  apiVersion: number,
  body: Buffer,
): Promise<Buffer> {
  const answer = await exchange(
    port,
    frame(apiKey, apiVersion, body),
    (bytes) => bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0),
  );
  return answer.subarray(8);
}

function demand(api: string, errorCode: number): void {
  if (errorCode !== 0) throw new Error(`${api} answers error code ${errorCode}`);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
