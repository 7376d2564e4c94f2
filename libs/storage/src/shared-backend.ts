import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  MessageReader,
  endsWithReady,
  errorIn,
  fatal,
  lastParameterStatus,
  message,
  renameStatement,
  simpleQuery,
  speaksOnly30,
  sync,
  withoutMessages,
} from './postgres-wire.ts';

/** One PostgreSQL backend: takes whole messages, gives all its answers. */
export type Backend = {
  run(messages: Buffer): Promise<Buffer>;
  /** Resolves when all that was committed is on the disk; undefined when it already is. */
  durable(): Promise<void> | undefined;
  isInTransaction(): boolean;
};

type Session = {
  readonly id: number;
  readonly socket: Socket;
  readonly reader: MessageReader;
  readonly statements: Set<string>;
  isStarted: boolean;
  isClosed: boolean;
  searchPath: string;
  /** Resolves when the answers given so far are sent; undefined when they are. */
  answered: Promise<void> | undefined;
  /** Messages since the last one that asks for an answer. */
  partial: Buffer[];
  /** Whole units of work: messages up to one that asks for an answer. */
  ready: { bytes: Buffer; endsTurn: boolean }[];
};

/** Query, Sync, FunctionCall: the backend answers and is ready again. */
const endsTurn = new Set([0x51, 0x53, 0x46]);
/** Flush: an answer is due, but the unit goes on. */
const asksForAnswer = 0x48;
/** CopyData, CopyDone, CopyFail: a backend that reads its input whole cannot copy from a client. */
const ofCopy = new Set([0x64, 0x63, 0x66]);
const terminate = 0x58;
const simpleQueryType = 0x51;
const copyInResponse = 0x47;
const copyFail = message('f', 'COPY FROM STDIN is not supported here');

/**
 * Lets many connections share one backend. A connection has the backend from the first message of a unit to the
 * answer that says "ready", and through a whole transaction; the others wait in the order of their arrival. What a
 * session would own by itself is kept apart: the search path (set again when the turn changes) and the names of prepared
 * statements. Other session settings, temporary tables and session locks are shared: use those of a transaction.
 */
export class SharedBackend {
  readonly #backend: Backend;
  readonly #welcome: Buffer;
  readonly #idleInTransactionMs: number;
  readonly #waiting: Session[] = [];
  readonly #chores: (() => Promise<void>)[] = [];
  readonly #sessions = new Set<Session>();
  #owner: Session | undefined;
  #isRunning = false;
  #isClosing = false;
  #searchPath = '';
  #nextId = 1;
  #evictAfter: NodeJS.Timeout | undefined;
  readonly #fail: (error: unknown) => void;

  /** `welcome` is what the backend answered to a startup message; `fail` hears of a backend that broke. */
  constructor(
    backend: Backend,
    options: { welcome: Buffer; idleInTransactionMs: number; fail: (error: unknown) => void },
  ) {
    this.#backend = backend;
    this.#welcome = options.welcome;
    this.#idleInTransactionMs = options.idleInTransactionMs;
    this.#fail = options.fail;
  }

  attach(socket: Socket): void {
    const session: Session = {
      id: this.#nextId++,
      socket,
      reader: new MessageReader(),
      statements: new Set(),
      isStarted: false,
      isClosed: false,
      searchPath: 'public',
      answered: undefined,
      partial: [],
      ready: [],
    };
    this.#sessions.add(session);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      try {
        session.reader.push(chunk);
        this.#read(session);
      } catch (error) {
        socket.end(fatal('08P01', (error as Error).message));
        this.#detach(session);
      }
    });
    socket.on('error', () => this.#detach(session));
    socket.on('close', () => this.#detach(session));
  }

  /** Runs one statement of the server's own between two units of the connections; throws when it is refused. */
  execute(statement: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#chores.push(async () => {
        const output = await this.#backend.run(simpleQuery(statement));
        const error = errorIn(output);
        if (error === undefined) resolve(output);
        else reject(new Error(error));
      });
      void this.#run();
    });
  }

  /** Finishes the running unit and sends its answer, then ends all connections. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const session of this.#sessions) session.ready = [];
    await this.#untilIdle();
    for (const { answered } of this.#sessions) await answered;
    for (const session of this.#sessions) {
      session.socket.end(fatal('57P01', 'the server is shutting down'));
      this.#detach(session);
    }
    await this.#untilIdle();
  }

  async #untilIdle(): Promise<void> {
    while (this.#isRunning) await nextTurn();
  }

  #read(session: Session): void {
    if (this.#isClosing) return;
    while (!session.isStarted) {
      const opening = session.reader.takeOpening();
      if (!opening) return;
      if (opening.kind === 'cancel') {
        this.#detach(session);
        return;
      }
      if (opening.kind === 'encryption') {
        session.socket.write('N');
        continue;
      }
      session.isStarted = true;
      session.searchPath = searchPathOf(opening.parameters.get('options')) ?? 'public';
      if (opening.minorVersion > 0) session.socket.write(speaksOnly30);
      session.socket.write(this.#welcome);
    }
    for (let next = session.reader.takeMessage(); next; next = session.reader.takeMessage()) {
      const type = next[0] as number;
      if (type === terminate) {
        this.#detach(session);
        return;
      }
      if (ofCopy.has(type)) continue;
      session.partial.push(this.#own(session, next));
      if (endsTurn.has(type) || type === asksForAnswer) {
        session.ready.push({ bytes: Buffer.concat(session.partial), endsTurn: endsTurn.has(type) });
        session.partial = [];
      }
    }
    this.#enqueue(session);
    void this.#run();
  }

  #own(session: Session, bytes: Buffer): Buffer {
    const renamed = renameStatement(bytes, (name) => `c${session.id}_${name}`);
    if (renamed.name !== undefined && bytes[0] === 0x50) session.statements.add(renamed.name);
    if (renamed.name !== undefined && bytes[0] === 0x43) session.statements.delete(renamed.name);
    return renamed.bytes;
  }

  #enqueue(session: Session): void {
    if (session.ready.length > 0 && session !== this.#owner && !this.#waiting.includes(session))
      this.#waiting.push(session);
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let turn = this.#next(); turn; turn = this.#next()) {
        await turn();
        // The sockets must be heard between two units.
        await nextTurn();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isRunning = false;
    }
    this.#watchOwner();
  }

  #next(): (() => Promise<void>) | undefined {
    const owner = this.#owner;
    if (owner)
      return owner.isClosed || owner.ready.length > 0 ? () => this.#turn(owner) : undefined;
    const chore = this.#chores.shift();
    if (chore) return chore;
    const session = this.#waiting.shift();
    return session && (() => this.#turn(session));
  }

  async #turn(session: Session): Promise<void> {
    this.#forgetEviction();
    if (session.isClosed) return this.#leave(session);
    const unit = session.ready.shift();
    if (!unit) return;
    if (!this.#owner) await this.#enter(session);
    this.#owner = session;
    const output = await this.#runRefusingCopy(unit.bytes);
    if (unit.endsTurn && !endsWithReady(output))
      throw new Error('the backend did not get ready again, as after a stack overflow');
    this.#noteSearchPath(session, output);
    this.#answer(session, output);
    if (unit.endsTurn && !this.#backend.isInTransaction()) this.#owner = undefined;
    this.#enqueue(session);
  }

  /**
   * An answer may tell of a commit, its own or one that it has seen, so it waits until that is on the disk; the backend
   * goes on with others meanwhile.
   */
  #answer(session: Session, output: Buffer): void {
    const durable = this.#backend.durable();
    if (!durable && !session.answered) {
      session.socket.write(output);
      return;
    }
    const mine = Promise.all([session.answered, durable]).then(
      () => {
        if (session.answered === mine) session.answered = undefined;
        if (!session.isClosed) session.socket.write(output);
      },
      (error: unknown) => this.#fail(error),
    );
    session.answered = mine;
  }

  /**
   * A COPY FROM STDIN meets the CopyFail behind it and fails, where it would wait for data inside the backend and take
   * the process with it; any other unit ignores it.
   */
  async #runRefusingCopy(unit: Buffer): Promise<Buffer> {
    const output = await this.#backend.run(Buffer.concat([unit, copyFail]));
    const withoutCopy = withoutMessages(output, copyInResponse);
    if (withoutCopy === output || unit[0] === simpleQueryType) return withoutCopy;
    // In the extended protocol the copy has swallowed the Sync.
    return Buffer.concat([withoutCopy, await this.#backend.run(sync)]);
  }

  async #enter(session: Session): Promise<void> {
    if (session.searchPath === this.#searchPath) return;
    await this.#backend.run(simpleQuery(`set search_path to ${session.searchPath}`));
    this.#searchPath = session.searchPath;
  }

  #noteSearchPath(session: Session, output: Buffer): void {
    const changed = lastParameterStatus(output, 'search_path');
    if (changed === undefined) return;
    session.searchPath = changed === '' ? "''" : changed;
    this.#searchPath = session.searchPath;
  }

  #detach(session: Session): void {
    if (session.isClosed) return;
    session.isClosed = true;
    session.ready = [];
    this.#sessions.delete(session);
    session.socket.end();
    const place = this.#waiting.indexOf(session);
    if (place >= 0) this.#waiting.splice(place, 1);
    // What it left open is cleaned up in a turn of its own.
    if (this.#owner !== session && session.statements.size > 0) this.#waiting.unshift(session);
    void this.#run();
  }

  /** Ends what a vanished connection has left open: a unit without its Sync, a transaction, prepared statements. */
  async #leave(session: Session): Promise<void> {
    if (this.#owner === session) {
      await this.#backend.run(sync);
      if (this.#backend.isInTransaction()) await this.#backend.run(simpleQuery('rollback'));
      this.#owner = undefined;
      // A path set inside the transaction is gone with it.
      this.#searchPath = '';
    }
    if (session.statements.size === 0) return;
    const closes = [...session.statements].map((name) => message('C', Buffer.from('S'), name));
    session.statements.clear();
    await this.#backend.run(Buffer.concat([...closes, sync]));
  }

  /** A client that sits on an open transaction while others wait is sent away. */
  #watchOwner(): void {
    const owner = this.#owner;
    if (!owner || this.#evictAfter || this.#waiting.length + this.#chores.length === 0) return;
    this.#evictAfter = setTimeout(() => {
      owner.socket.write(fatal('25P03', 'idle in a transaction while others wait'));
      this.#detach(owner);
    }, this.#idleInTransactionMs);
  }

  #forgetEviction(): void {
    clearTimeout(this.#evictAfter);
    this.#evictAfter = undefined;
  }
}

/** The search path among the options of a startup message, such as `-c search_path=tracking`. */
function searchPathOf(options: string | undefined): string | undefined {
  const match = /(?:^|\s)(?:-c\s*|--)search_path=((?:\\.|[^\s\\])+)/.exec(options ?? '');
  const path = match?.[1]?.replaceAll(/\\(.)/g, '$1');
  // It becomes part of a statement: names only.
  return path && /^[\w$", ]+$/.test(path) ? path : undefined;
}
