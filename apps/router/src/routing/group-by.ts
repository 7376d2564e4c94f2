/** Members by what `keyOf` gives, in the order in which they come. */
export function groupBy<Member>(
  members: readonly Member[],
  keyOf: (member: Member) => string,
): Member[][] {
  const groups = new Map<string, Member[]>();
  for (const member of members) {
    const key = keyOf(member);
    const group = groups.get(key);
    if (group) group.push(member);
    else groups.set(key, [member]);
  }
  return [...groups.values()];
}
