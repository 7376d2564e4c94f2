import type { ErrorNumber } from '../protocol/error-codes.ts';

export type GroupProtocol = { readonly name: string; readonly metadata: Buffer };

export type JoinRequest = {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly GroupProtocol[];
  /** JoinGroup 4 and later: a new member is given its id first and has to come back with it. */
  readonly needsKnownMemberId: boolean;
};

export type JoinAnswer = {
  readonly error: ErrorNumber;
  readonly generationId: number;
  readonly protocolName: string;
  readonly leader: string;
  readonly memberId: string;
  /** Only the leader is told who is there. */
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly metadata: Buffer;
  }[];
};

export type SyncAnswer = { readonly error: ErrorNumber; readonly assignment: Buffer };

/** A client that is in the group, or waits to be let in. */
export class Member {
  readonly id: string;
  readonly groupInstanceId: string | null;
  clientId: string;
  clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly GroupProtocol[];
  assignment: Buffer = Buffer.alloc(0);
  /** Set while the member waits for the others to join. */
  joining: ((answer: JoinAnswer) => void) | undefined;
  /** Set while the member waits for the leader's assignment. */
  syncing: ((answer: SyncAnswer) => void) | undefined;
  #session: NodeJS.Timeout | undefined;

  constructor(id: string, request: JoinRequest) {
    this.id = id;
    this.groupInstanceId = request.groupInstanceId;
    this.clientId = request.clientId;
    this.clientHost = request.clientHost;
    this.sessionTimeoutMs = request.sessionTimeoutMs;
    this.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
    this.protocols = request.protocols;
  }

  get isWaiting(): boolean {
    return this.joining !== undefined || this.syncing !== undefined;
  }

  update(request: JoinRequest): void {
    this.clientId = request.clientId;
    this.clientHost = request.clientHost;
    this.sessionTimeoutMs = request.sessionTimeoutMs;
    this.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
    this.protocols = request.protocols;
  }

  metadataFor(name: string): Buffer {
    return this.protocols.find((protocol) => protocol.name === name)?.metadata ?? Buffer.alloc(0);
  }

  offersTheSame(protocols: readonly GroupProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every(({ name, metadata }, index) => {
        const own = this.protocols[index];
        return own?.name === name && own.metadata.equals(metadata);
      })
    );
  }

  /** Begins the session anew; `expire` is called when nothing is heard for as long as it lasts. */
  startSession(expire: () => void): void {
    this.stopSession();
    this.#session = setTimeout(expire, this.sessionTimeoutMs);
  }

  stopSession(): void {
    clearTimeout(this.#session);
    this.#session = undefined;
  }

  answerJoin(answer: JoinAnswer): void {
    const waiting = this.joining;
    this.joining = undefined;
    waiting?.(answer);
  }

  answerSync(answer: SyncAnswer): void {
    const waiting = this.syncing;
    this.syncing = undefined;
    waiting?.(answer);
  }
}
