/**
 * Lines of a lock file that name where a package was downloaded: such a clone installs from that address only, not
 * from the registry that its user has configured.
 */
export function findResolvedAddresses(lockFile: string): readonly string[] {
  return lockFile
    .split('\n')
    .map((line, at) => ({ line: line.trim(), at: at + 1 }))
    .filter(({ line }) => /^"resolved":\s*"(https?|git[+:])/.test(line))
    .map(({ line, at }) => `${at}: ${line}`);
}
