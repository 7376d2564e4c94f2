import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import { Member } from './member.ts';
import type { JoinAnswer, JoinRequest, SyncAnswer } from './member.ts';
import { chooseProtocol, commonProtocols } from './protocols.ts';

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

export type GroupOptions = {
  /** How long a rebalance of an empty group waits for more members. */
  readonly initialRebalanceDelayMs: number;
  readonly newMemberId: (clientId: string) => string;
  /** Called when the last member has gone. */
  readonly onEmpty: () => void;
};

/** Who speaks, in requests that come after a join. */
export type Speaker = {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
};

const none = errorCodes.none;
const emptyBytes = Buffer.alloc(0);

/**
 * One consumer group of the classic protocol: Empty → PreparingRebalance (members join) → CompletingRebalance (the
 * leader assigns) → Stable. Members live in memory only; after a restart of the broker they join again.
 */
export class Group {
  readonly id: string;
  readonly #options: GroupOptions;
  readonly #members = new Map<string, Member>();
  readonly #idByInstance = new Map<string, string>();
  /** Ids that were given out and not yet used, each with the timer that forgets it. */
  readonly #pending = new Map<string, NodeJS.Timeout>();
  #state: GroupState = 'Empty';
  #generation = 0;
  #protocolType = '';
  #protocolName = '';
  #leader: string | undefined;
  #rebalanceTimer: NodeJS.Timeout | undefined;
  #isDelayed = false;

  constructor(id: string, options: GroupOptions) {
    this.id = id;
    this.#options = options;
  }

  get state(): GroupState {
    return this.#state;
  }

  get protocolType(): string {
    return this.#protocolType;
  }

  get protocolName(): string {
    return this.#state === 'Stable' ? this.#protocolName : '';
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Nobody is in it, and nobody was asked to come back. */
  get isDeserted(): boolean {
    return this.#members.size === 0 && this.#pending.size === 0;
  }

  metadataOf(member: Member): Buffer {
    return this.#state === 'Stable' ? member.metadataFor(this.#protocolName) : emptyBytes;
  }

  /** Answered at once, or when all members have joined. */
  join(request: JoinRequest): JoinAnswer | Promise<JoinAnswer> {
    if (!this.#canServe(request)) return refusedJoin(errorCodes.inconsistentGroupProtocol, request);
    const { memberId, groupInstanceId } = request;
    if (groupInstanceId !== null) return this.#joinStatic(groupInstanceId, request);
    if (memberId === '') return this.#joinNew(request);
    if (this.#forgetPending(memberId)) return this.#admit(memberId, request);
    const member = this.#members.get(memberId);
    return member
      ? this.#rejoin(member, request)
      : refusedJoin(errorCodes.unknownMemberId, request);
  }

  /** Answered when the leader has assigned; the leader's own request carries the assignments. */
  sync(
    speaker: Speaker,
    assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
  ): SyncAnswer | Promise<SyncAnswer> {
    const error = this.#refusalOf(speaker);
    const member = this.#members.get(speaker.memberId);
    if (error !== none || !member) return { error, assignment: emptyBytes };
    if (this.#state === 'PreparingRebalance')
      return { error: errorCodes.rebalanceInProgress, assignment: emptyBytes };
    if (this.#state === 'Stable') {
      this.#startSession(member);
      return { error: none, assignment: member.assignment };
    }
    member.answerSync({ error: errorCodes.rebalanceInProgress, assignment: emptyBytes });
    const answer = new Promise<SyncAnswer>((resolve) => (member.syncing = resolve));
    if (member.id === this.#leader) this.#assign(assignments);
    return answer;
  }

  heartbeat(speaker: Speaker): ErrorNumber {
    const error = this.#refusalOf(speaker);
    const member = this.#members.get(speaker.memberId);
    if (error !== none || !member) return error;
    this.#startSession(member);
    return this.#state === 'PreparingRebalance' ? errorCodes.rebalanceInProgress : none;
  }

  /** Whether this speaker may commit offsets now; without a generation only while nobody is in the group. */
  checkCommit(speaker: Speaker): ErrorNumber {
    if (speaker.generationId < 0 && speaker.memberId === '' && speaker.groupInstanceId === null)
      return this.#members.size === 0 ? none : errorCodes.unknownMemberId;
    const error = this.#refusalOf(speaker);
    const member = this.#members.get(speaker.memberId);
    if (error !== none || !member) return error;
    if (this.#state === 'CompletingRebalance') return errorCodes.rebalanceInProgress;
    this.#startSession(member);
    return none;
  }

  leave(memberId: string, groupInstanceId: string | null): ErrorNumber {
    if (groupInstanceId !== null) {
      const current = this.#idByInstance.get(groupInstanceId);
      if (current === undefined) return errorCodes.unknownMemberId;
      if (memberId !== '' && memberId !== current) return errorCodes.fencedInstanceId;
      return this.#removeById(current);
    }
    if (this.#forgetPending(memberId)) {
      this.#completeJoinIfAll();
      return none;
    }
    return this.#removeById(memberId);
  }

  /** The group is deleted or the broker stops: everyone who waits is sent away. */
  end(): void {
    this.#state = 'Dead';
    clearTimeout(this.#rebalanceTimer);
    for (const timer of this.#pending.values()) clearTimeout(timer);
    this.#pending.clear();
    for (const member of this.#members.values()) this.#dismiss(member, errorCodes.unknownMemberId);
    this.#members.clear();
    this.#idByInstance.clear();
  }

  #canServe({ memberId, protocolType, protocols }: JoinRequest): boolean {
    if (protocolType === '' || protocols.length === 0) return false;
    const others = this.members.filter((member) => member.id !== memberId);
    if (others.length === 0) return true;
    return (
      protocolType === this.#protocolType && commonProtocols([...others, { protocols }]).length > 0
    );
  }

  #joinNew(request: JoinRequest): JoinAnswer | Promise<JoinAnswer> {
    const memberId = this.#options.newMemberId(request.clientId);
    if (!request.needsKnownMemberId) return this.#admit(memberId, request);
    const timer = setTimeout(() => {
      this.#pending.delete(memberId);
      this.#completeJoinIfAll();
      this.#reportIfEmpty();
    }, request.sessionTimeoutMs);
    this.#pending.set(memberId, timer);
    return refusedJoin(errorCodes.memberIdRequired, { memberId });
  }

  #joinStatic(instanceId: string, request: JoinRequest): JoinAnswer | Promise<JoinAnswer> {
    const current = this.#idByInstance.get(instanceId);
    const member = current === undefined ? undefined : this.#members.get(current);
    if (request.memberId !== '') {
      if (!member) return refusedJoin(errorCodes.unknownMemberId, request);
      if (member.id !== request.memberId) return refusedJoin(errorCodes.fencedInstanceId, request);
      return this.#rejoin(member, request);
    }
    const memberId = this.#options.newMemberId(request.clientId);
    return member ? this.#replace(member, memberId, request) : this.#admit(memberId, request);
  }

  /** A static member came back under a new id: it takes the place of its former self, without a rebalance if it can. */
  #replace(
    former: Member,
    memberId: string,
    request: JoinRequest,
  ): JoinAnswer | Promise<JoinAnswer> {
    const member = new Member(memberId, request);
    member.assignment = former.assignment;
    const leaderBefore = this.#leader;
    this.#members.delete(former.id);
    this.#dismiss(former, errorCodes.fencedInstanceId);
    this.#enter(member);
    if (this.#leader === former.id) this.#leader = memberId;
    const isUnchanged = former
      .metadataFor(this.#protocolName)
      .equals(member.metadataFor(this.#protocolName));
    if (this.#state === 'Stable' && isUnchanged) {
      this.#startSession(member);
      // told the leader's former id, it does not assign anew but fetches what it had
      return { ...this.#joined(member), leader: leaderBefore ?? '', members: [] };
    }
    return this.#park(member);
  }

  #admit(memberId: string, request: JoinRequest): Promise<JoinAnswer> {
    if (this.#members.size === 0) this.#protocolType = request.protocolType;
    const member = new Member(memberId, request);
    this.#enter(member);
    return this.#park(member);
  }

  #enter(member: Member): void {
    this.#members.set(member.id, member);
    if (member.groupInstanceId !== null) this.#idByInstance.set(member.groupInstanceId, member.id);
  }

  #rejoin(member: Member, request: JoinRequest): JoinAnswer | Promise<JoinAnswer> {
    const isUnchanged = member.offersTheSame(request.protocols);
    member.update(request);
    if (this.#state === 'CompletingRebalance' && isUnchanged) {
      this.#startSession(member);
      return this.#joined(member);
    }
    if (this.#state === 'Stable' && isUnchanged && member.id !== this.#leader) {
      this.#startSession(member);
      return this.#joined(member);
    }
    return this.#park(member);
  }

  #park(member: Member): Promise<JoinAnswer> {
    member.answerJoin(refusedJoin(errorCodes.rebalanceInProgress, { memberId: member.id }));
    const answer = new Promise<JoinAnswer>((resolve) => (member.joining = resolve));
    this.#startSession(member);
    this.#prepare();
    this.#completeJoinIfAll();
    return answer;
  }

  #prepare(): void {
    if (this.#state === 'PreparingRebalance') return;
    this.#isDelayed = this.#state === 'Empty' && this.#options.initialRebalanceDelayMs > 0;
    this.#state = 'PreparingRebalance';
    for (const member of this.#members.values()) {
      if (member.syncing) this.#startSession(member); // it has its whole session to come back
      member.answerSync({ error: errorCodes.rebalanceInProgress, assignment: emptyBytes });
    }
    clearTimeout(this.#rebalanceTimer);
    this.#rebalanceTimer = this.#isDelayed
      ? setTimeout(() => this.#endDelay(), this.#options.initialRebalanceDelayMs)
      : setTimeout(() => this.#completeJoin(), this.#rebalanceTimeoutMs());
  }

  #endDelay(): void {
    this.#isDelayed = false;
    this.#rebalanceTimer = setTimeout(() => this.#completeJoin(), this.#rebalanceTimeoutMs());
    this.#completeJoinIfAll();
  }

  #rebalanceTimeoutMs(): number {
    return Math.max(0, ...this.members.map((member) => member.rebalanceTimeoutMs));
  }

  #completeJoinIfAll(): void {
    if (this.#state !== 'PreparingRebalance' || this.#isDelayed || this.#pending.size > 0) return;
    if (this.members.every((member) => member.joining !== undefined)) this.#completeJoin();
  }

  /** All have joined, or those who have not are late: the latter are out, static ones excepted until their session ends. */
  #completeJoin(): void {
    clearTimeout(this.#rebalanceTimer);
    for (const member of this.members)
      if (!member.joining && member.groupInstanceId === null) this.#drop(member);
    this.#generation += 1;
    if (this.#members.size === 0) {
      this.#becomeEmpty();
      return;
    }
    this.#protocolName = chooseProtocol(this.members);
    const leader = this.#leader === undefined ? undefined : this.#members.get(this.#leader);
    if (!leader?.joining)
      this.#leader = this.members.find((member) => member.joining)?.id ?? this.#leader;
    this.#state = 'CompletingRebalance';
    for (const member of this.members) {
      member.assignment = emptyBytes;
      this.#startSession(member);
      member.answerJoin(this.#joined(member));
    }
    this.#rebalanceTimer = setTimeout(() => this.#dropUnsynced(), this.#rebalanceTimeoutMs());
  }

  #dropUnsynced(): void {
    if (this.#state !== 'CompletingRebalance') return;
    for (const member of this.members) if (!member.syncing) this.#drop(member);
    this.#prepare();
    this.#completeJoinIfAll();
  }

  #assign(assignments: readonly { memberId: string; assignment: Buffer }[]): void {
    clearTimeout(this.#rebalanceTimer);
    for (const { memberId, assignment } of assignments) {
      const member = this.#members.get(memberId);
      if (member) member.assignment = Buffer.from(assignment);
    }
    this.#state = 'Stable';
    for (const member of this.members) {
      this.#startSession(member);
      member.answerSync({ error: none, assignment: member.assignment });
    }
  }

  #joined(member: Member): JoinAnswer {
    const isLeader = member.id === this.#leader;
    return {
      error: none,
      generationId: this.#generation,
      protocolName: this.#protocolName,
      leader: this.#leader ?? '',
      memberId: member.id,
      members: isLeader
        ? this.members.map((one) => ({
            memberId: one.id,
            groupInstanceId: one.groupInstanceId,
            metadata: one.metadataFor(this.#protocolName),
          }))
        : [],
    };
  }

  #refusalOf({ memberId, groupInstanceId, generationId }: Speaker): ErrorNumber {
    if (groupInstanceId !== null) {
      const current = this.#idByInstance.get(groupInstanceId);
      if (current !== undefined && current !== memberId) return errorCodes.fencedInstanceId;
    }
    if (!this.#members.has(memberId)) return errorCodes.unknownMemberId;
    return generationId === this.#generation ? none : errorCodes.illegalGeneration;
  }

  #startSession(member: Member): void {
    member.startSession(() => {
      if (member.isWaiting) {
        this.#startSession(member);
        return;
      } // it is we who let it wait
      this.#removeById(member.id);
    });
  }

  #removeById(memberId: string): ErrorNumber {
    const member = this.#members.get(memberId);
    if (!member) return errorCodes.unknownMemberId;
    this.#drop(member);
    this.#prepare();
    this.#completeJoinIfAll();
    return none;
  }

  #drop(member: Member): void {
    this.#members.delete(member.id);
    const { groupInstanceId } = member;
    if (groupInstanceId !== null && this.#idByInstance.get(groupInstanceId) === member.id)
      this.#idByInstance.delete(groupInstanceId);
    if (this.#leader === member.id) this.#leader = undefined;
    this.#dismiss(member, errorCodes.unknownMemberId);
  }

  #dismiss(member: Member, error: ErrorNumber): void {
    member.stopSession();
    member.answerJoin(refusedJoin(error, { memberId: member.id }));
    member.answerSync({ error, assignment: emptyBytes });
  }

  #becomeEmpty(): void {
    this.#state = 'Empty';
    this.#leader = undefined;
    this.#protocolName = '';
    this.#reportIfEmpty();
  }

  #reportIfEmpty(): void {
    if (this.#state === 'Empty' && this.isDeserted) this.#options.onEmpty();
  }

  #forgetPending(memberId: string): boolean {
    clearTimeout(this.#pending.get(memberId));
    return this.#pending.delete(memberId);
  }
}

export function refusedJoin(error: ErrorNumber, { memberId }: { memberId: string }): JoinAnswer {
  return { error, generationId: -1, protocolName: '', leader: '', memberId, members: [] };
}
