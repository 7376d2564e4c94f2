const pattern = /^[a-zA-Z0-9._-]{1,249}$/;

/** Kafka's rule for topic names. */
export function isTopicName(name: string): boolean {
  return pattern.test(name) && name !== '.' && name !== '..';
}

/** Names that differ only in `.` and `_` would collide in metric names, so Kafka refuses the second. */
export function collides(name: string, other: string): boolean {
  return name !== other && name.replaceAll('.', '_') === other.replaceAll('.', '_');
}
