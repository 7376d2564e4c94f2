type Supporter = { readonly protocols: readonly { readonly name: string }[] };

/** Names all of them support, in the order of the first. */
export function commonProtocols(members: readonly Supporter[]): readonly string[] {
  const [first, ...others] = members;
  const names = first?.protocols.map(({ name }) => name) ?? [];
  return names.filter((name) =>
    others.every((other) => other.protocols.some((protocol) => protocol.name === name)),
  );
}

/** Each member votes for the first of its protocols that all support; most votes win. */
export function chooseProtocol(members: readonly Supporter[]): string {
  const common = commonProtocols(members);
  const votes = new Map(common.map((name) => [name, 0]));
  for (const member of members) {
    const vote = member.protocols.find(({ name }) => votes.has(name))?.name;
    if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1);
  }
  const [winner] = [...votes].sort(([, left], [, right]) => right - left);
  return winner?.[0] ?? '';
}
