/** How long a fetch waits for records when there is nothing else to wait for. */
export const fetchWaitMs = 5000;
/** How long it waits while a partition is paused, which the next fetch has to name again. */
const briefWaitMs = 100;

export type FetchHooks = {
  /** How often the member of a waiting fetch says that it lives, and so hears of a rebalance. */
  readonly heartbeatMs: number;
  /** Aborted when the member leaves, after it was told to stop. */
  readonly leaving: AbortSignal;
};

/** The library's consumer group, as far as its fetches go. */
export type FetchingGroup = {
  readonly assigners: readonly { readonly fetching?: FetchHooks }[];
  readonly cluster: {
    readonly brokerPool: {
      readonly brokers: Readonly<Record<string, { readonly connectionPool: ConnectionPool }>>;
    };
  };
  maxWaitTime: number;
  /** The member joins its group again, which the library also does within a fetch. */
  isJoining?: boolean;
  assigned(): readonly object[];
  paused(): readonly object[];
  fetch: (this: FetchingGroup, nodeId: string) => Promise<readonly object[]>;
  heartbeat(options: { interval: number }): Promise<void>;
};

type ConnectionPool = {
  /** The second one is for fetches alone. */
  readonly pool: readonly [object, { readonly socket?: { destroy(error: Error): void } }];
};

/**
 * Lets fetches wait long, so that a consumer at rest costs next to nothing. The library does nothing else meanwhile:
 * here heartbeats go on, a rebalance ends the wait, and so does leaving.
 */
export function addLongFetches({ prototype }: { prototype: FetchingGroup }): void {
  const { fetch } = prototype;
  prototype.fetch = async function (nodeId) {
    const hooks = this.assigners.find(({ fetching }) => fetching)?.fetching;
    if (!hooks) return fetch.call(this, nodeId);
    const { heartbeatMs, leaving } = hooks;
    // Not an empty answer, after which the library would ask again at once and for ever.
    if (leaving.aborted) throw new Error('the member leaves the group');
    const isWhole = this.assigned().length > 0 && this.paused().length === 0;
    this.maxWaitTime = isWhole ? fetchWaitMs : briefWaitMs;
    const fetched = fetch.call(this, nodeId);
    for (;;) {
      const next = await firstOf(fetched, leaving, heartbeatMs);
      if (next === 'answer') return fetched;
      if (next === 'leaving') {
        dropFetches(this);
        return [];
      }
      if (this.isJoining) continue;
      try {
        await this.heartbeat({ interval: heartbeatMs });
      } catch (error) {
        dropFetches(this);
        throw error;
      }
    }
  };
}

/**
 * Brokers answer in order: what is asked next would wait behind the fetches that are given up. A turn later, so that
 * those of other brokers do not fail first, with an error that says less.
 */
function dropFetches({ cluster }: FetchingGroup): void {
  setImmediate(() => {
    for (const { connectionPool } of Object.values(cluster.brokerPool.brokers))
      connectionPool.pool[1].socket?.destroy(new Error('the fetch was given up'));
  });
}

function firstOf(
  fetched: Promise<unknown>,
  leaving: AbortSignal,
  heartbeatMs: number,
): Promise<'answer' | 'leaving' | 'heartbeat'> {
  return new Promise((resolve) => {
    const end = (first: 'answer' | 'leaving' | 'heartbeat') => {
      clearTimeout(timer);
      leaving.removeEventListener('abort', leave);
      resolve(first);
    };
    const leave = () => end('leaving');
    const answer = () => end('answer');
    const timer = setTimeout(end, heartbeatMs, 'heartbeat');
    if (leaving.aborted) leave();
    leaving.addEventListener('abort', leave);
    fetched.then(answer, answer);
  });
}
