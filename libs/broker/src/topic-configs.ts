/** Where a value must lie: what Kafka's own validation of the key demands. */
type Rule = (value: string) => boolean;

export type ConfigType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list';
export type ConfigKey = {
  readonly type: ConfigType;
  readonly fallback: string;
  readonly accepts: Rule;
};

const longMax = '9223372036854775807';
const wholeNumber = (from: number, to = Infinity): Rule => {
  return (value) => /^-?\d{1,19}$/.test(value) && Number(value) >= from && Number(value) <= to;
};
const oneOf = (...values: string[]): Rule => {
  return (value) => values.includes(value);
};
const listOf = (...values: string[]): Rule => {
  return (value) => value.split(',').every((item) => values.includes(item.trim()));
};
const ratio: Rule = (value) =>
  /^\d+(\.\d+)?$/.test(value) && Number(value) >= 0 && Number(value) <= 1;

function int(fallback: number | string, from = 0, to = 2_147_483_647): ConfigKey {
  return { type: 'int', fallback: String(fallback), accepts: wholeNumber(from, to) };
}
function long(fallback: number | string, from = 0): ConfigKey {
  return { type: 'long', fallback: String(fallback), accepts: wholeNumber(from) };
}
function flag(fallback: boolean): ConfigKey {
  return { type: 'boolean', fallback: String(fallback), accepts: oneOf('true', 'false') };
}

/**
 * Every topic config there is (https://kafka.apache.org/documentation/#topicconfigs). All are checked, stored and
 * described; an unknown key is refused, as Kafka does, so that a spelling mistake shows here first.
 */
export const topicConfigKeys: Readonly<Record<string, ConfigKey>> = {
  'cleanup.policy': { type: 'list', fallback: 'delete', accepts: listOf('delete', 'compact') },
  'compression.type': {
    type: 'string',
    fallback: 'producer',
    accepts: oneOf('producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'),
  },
  'delete.retention.ms': long(86_400_000),
  'file.delete.delay.ms': long(60_000),
  'flush.messages': long(longMax, 1),
  'flush.ms': long(longMax),
  'index.interval.bytes': int(4096),
  'max.compaction.lag.ms': long(longMax, 1),
  'max.message.bytes': int(1_048_588, 0, 100 * 1024 * 1024),
  // the broker never rewrites batches, so the timestamps are the producers'
  'message.timestamp.type': {
    type: 'string',
    fallback: 'CreateTime',
    accepts: oneOf('CreateTime'),
  },
  'message.timestamp.before.max.ms': long(longMax),
  'message.timestamp.after.max.ms': long(longMax),
  'message.timestamp.difference.max.ms': long(longMax),
  'message.downconversion.enable': flag(true),
  'message.format.version': { type: 'string', fallback: '3.0-IV1', accepts: () => true },
  'min.cleanable.dirty.ratio': { type: 'double', fallback: '0.5', accepts: ratio },
  'min.compaction.lag.ms': long(0),
  'min.insync.replicas': int(1, 1),
  preallocate: flag(false),
  'remote.storage.enable': { type: 'boolean', fallback: 'false', accepts: oneOf('false') },
  'retention.bytes': long(-1, -1),
  'retention.ms': long(604_800_000, -1),
  'segment.bytes': int(33_554_432, 1024 * 1024),
  'segment.index.bytes': int(10_485_760, 4),
  'segment.jitter.ms': long(0),
  'segment.ms': long(604_800_000, 1),
  'unclean.leader.election.enable': flag(false),
  'follower.replication.throttled.replicas': { type: 'list', fallback: '', accepts: () => true },
  'leader.replication.throttled.replicas': { type: 'list', fallback: '', accepts: () => true },
};

export type TopicConfigs = Readonly<Record<string, string>>;

/** Why these configs cannot be, in one sentence, or `undefined`. */
export function refusalOfConfigs(
  configs: readonly { readonly name: string; readonly value: string | null }[],
): string | undefined {
  for (const { name, value } of configs) {
    const key = Object.hasOwn(topicConfigKeys, name) ? topicConfigKeys[name] : undefined;
    if (!key) return `Unknown topic config name: ${name}`;
    if (value !== null && !key.accepts(value))
      return `Invalid value ${value} for configuration ${name}`;
  }
  return undefined;
}

export function configValue(configs: TopicConfigs, name: string): string {
  return configs[name] ?? topicConfigKeys[name]?.fallback ?? '';
}

export function cleanupPolicies(configs: TopicConfigs): ReadonlySet<string> {
  return new Set(
    configValue(configs, 'cleanup.policy')
      .split(',')
      .map((policy) => policy.trim()),
  );
}
