import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import type { CommittedOffsets, PartitionOffset } from './committed-offsets.ts';
import { Group, refusedJoin } from './group.ts';
import type { Speaker } from './group.ts';
import type { JoinAnswer, JoinRequest, SyncAnswer } from './member.ts';

export type CoordinatorOptions = {
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly initialRebalanceDelayMs: number;
  readonly newMemberId: (clientId: string) => string;
};

/** All consumer groups. A group exists while it has members or committed offsets. */
export class Coordinator {
  readonly offsets: CommittedOffsets;
  readonly #options: CoordinatorOptions;
  readonly #groups = new Map<string, Group>();
  #isEnded = false;

  constructor(offsets: CommittedOffsets, options: CoordinatorOptions) {
    this.offsets = offsets;
    this.#options = options;
  }

  /** Ids of all groups. */
  list(): readonly string[] {
    return [...new Set([...this.#groups.keys(), ...this.offsets.groups()])];
  }

  /** Its live state, if it has or had members since the broker started. */
  get(groupId: string): Group | undefined {
    return this.#groups.get(groupId);
  }

  exists(groupId: string): boolean {
    return this.#groups.has(groupId) || this.offsets.has(groupId);
  }

  join(groupId: string, request: JoinRequest): JoinAnswer | Promise<JoinAnswer> {
    if (groupId === '') return refusedJoin(errorCodes.invalidGroupId, request);
    if (this.#isEnded) return refusedJoin(errorCodes.coordinatorNotAvailable, request);
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.#options;
    if (
      request.sessionTimeoutMs < minSessionTimeoutMs ||
      request.sessionTimeoutMs > maxSessionTimeoutMs
    )
      return refusedJoin(errorCodes.invalidSessionTimeout, request);
    const known = this.#groups.get(groupId);
    const isStranger = request.memberId !== '' && !known;
    if (isStranger) return refusedJoin(errorCodes.unknownMemberId, request);
    const group = known ?? this.#add(groupId);
    const answer = group.join(request);
    if (group.state === 'Empty' && group.isDeserted) this.#forgetIfUseless(groupId); // it was refused
    return answer;
  }

  sync(
    groupId: string,
    speaker: Speaker,
    assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
  ): SyncAnswer | Promise<SyncAnswer> {
    const group = this.#groups.get(groupId);
    if (!group) return { error: errorCodes.unknownMemberId, assignment: Buffer.alloc(0) };
    return group.sync(speaker, assignments);
  }

  heartbeat(groupId: string, speaker: Speaker): ErrorNumber {
    return this.#groups.get(groupId)?.heartbeat(speaker) ?? errorCodes.unknownMemberId;
  }

  leave(groupId: string, memberId: string, groupInstanceId: string | null): ErrorNumber {
    return (
      this.#groups.get(groupId)?.leave(memberId, groupInstanceId) ?? errorCodes.unknownMemberId
    );
  }

  /** Whether the speaker may commit; the commit itself is the caller's next step. */
  checkCommit(groupId: string, speaker: Speaker): ErrorNumber {
    if (groupId === '') return errorCodes.invalidGroupId;
    const group = this.#groups.get(groupId);
    if (group) return group.checkCommit(speaker);
    if (speaker.generationId < 0) return errorCodes.none;
    return errorCodes.unknownMemberId;
  }

  /** Throws what the disk refused. */
  async commit(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    await this.offsets.commit(groupId, offsets);
  }

  async delete(groupId: string): Promise<ErrorNumber> {
    if (!this.exists(groupId)) return errorCodes.groupIdNotFound;
    const group = this.#groups.get(groupId);
    if (group && !group.isDeserted) return errorCodes.nonEmptyGroup;
    group?.end();
    this.#groups.delete(groupId);
    if (this.offsets.has(groupId)) await this.offsets.deleteGroup(groupId);
    return errorCodes.none;
  }

  /** Answers everyone who waits and lets nobody in any more, so that connections can close. */
  end(): void {
    this.#isEnded = true;
    for (const group of this.#groups.values()) group.end();
    this.#groups.clear();
  }

  #add(groupId: string): Group {
    const group = new Group(groupId, {
      initialRebalanceDelayMs: this.#options.initialRebalanceDelayMs,
      newMemberId: this.#options.newMemberId,
      onEmpty: () => this.#forgetIfUseless(groupId),
    });
    this.#groups.set(groupId, group);
    return group;
  }

  /** Groups of broadcast consumers come and go; without offsets nothing of them is worth keeping. */
  #forgetIfUseless(groupId: string): void {
    if (!this.offsets.has(groupId)) this.#groups.delete(groupId);
  }
}
