import type { Clock, Logger } from '@flywheel/core';
import type { Disk } from './log/disk.ts';

/** What can be set from outside, also for a broker in a process of its own. */
export type BrokerSettings = {
  /** Where everything is kept; made if absent. */
  readonly folder: string;
  /** Address to listen on and to tell clients. Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** 0: any free port. */
  readonly port: number;
  /** Partitions of topics created with −1. Default 1. */
  readonly defaultPartitions?: number | undefined;
  /**
   * `group` (default): acks −1 is answered after fdatasync, shared by all that waits. `none`: after the write; survives
   * the end of the process, not of the machine.
   */
  readonly durability?: 'group' | 'none' | undefined;
  /** How long the first rebalance of an empty group waits for more members. Default 0. */
  readonly initialRebalanceDelayMs?: number | undefined;
  /** Shortest session a group member may ask for. Default 100. */
  readonly minSessionTimeoutMs?: number | undefined;
  /** Longest session a group member may ask for. Default 30 minutes. */
  readonly maxSessionTimeoutMs?: number | undefined;
  /** Newest records kept in memory, over all partitions. Default 16 MiB. */
  readonly tailCacheBytes?: number | undefined;
};

export type BrokerOptions = BrokerSettings & {
  readonly log: Logger;
  readonly clock?: Clock | undefined;
  /** Replaced by tests that fill or break the disk. */
  readonly disk?: Disk | undefined;
};
