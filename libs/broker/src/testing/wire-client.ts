import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { FrameAssembler } from '../frames.ts';
import type { Api } from '../protocol/api.ts';
import { nullableString } from '../protocol/codec.ts';
import { Reader } from '../protocol/reader.ts';
import { Writer } from '../protocol/writer.ts';

/** What of an API is the protocol: all a client needs. */
type Shape<Request, Response> = Pick<Api<Request, Response>, 'key' | 'request' | 'response'>;

/** A client that sends exactly what it is told and looks at answers one by one. For tests. */
export class WireClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #frames = new FrameAssembler(1024 * 1024 * 1024);
  readonly #answers: Buffer[] = [];
  readonly #waiting: ((answer: Buffer | undefined) => void)[] = [];
  #isClosed = false;
  #correlationId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      for (const frame of this.#frames.push(chunk)) this.#give(frame);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      for (const waiting of this.#waiting.splice(0)) waiting(undefined);
    });
  }

  static async connect({ host, port }: { host: string; port: number }): Promise<WireClient> {
    const socket = connect(port, host);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new WireClient(socket);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends and reads the next answer with this API's codec. */
  async call<Request, Response>(
    api: Shape<Request, Response>,
    version: number,
    request: Request,
  ): Promise<Response> {
    const id = this.send(api, version, request);
    return this.receive(api, version, id);
  }

  /** The correlation id of the request. */
  send<Request>(api: Shape<Request, unknown>, version: number, request: Request): number {
    const id = (this.#correlationId += 1);
    for (const chunk of encodeRequest(api, version, request, id)) this.#socket.write(chunk);
    return id;
  }

  sendRaw(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  async receive<Request, Response>(
    api: Shape<Request, Response>,
    version: number,
    correlationId: number,
  ): Promise<Response> {
    const answer = await this.nextAnswer();
    if (!answer) throw new Error('the connection was closed');
    const from = new Reader(answer);
    const id = from.int32();
    if (id !== correlationId) throw new Error(`answer to ${id} instead of ${correlationId}`);
    const response = api.response.read(from, version);
    if (from.remaining > 0) throw new Error(`${from.remaining} bytes too many`);
    return response;
  }

  /** The next frame without its length; `undefined` when the connection is closed. */
  nextAnswer(): Promise<Buffer | undefined> {
    const ready = this.#answers.shift();
    if (ready || this.#isClosed) return Promise.resolve(ready);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.destroy();
    });
  }

  #give(answer: Buffer): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(answer);
    else this.#answers.push(answer);
  }
}

function encodeRequest<Request>(
  api: Shape<Request, unknown>,
  version: number,
  request: Request,
  correlationId: number,
): Buffer[] {
  const to = new Writer();
  to.int16(api.key);
  to.int16(version);
  to.int32(correlationId);
  nullableString.write(to, 'wire-client', 0);
  api.request.write(to, request, version);
  return to.finish();
}
