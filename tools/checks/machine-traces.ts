import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { repository, type TextFile } from './tracked-files.ts';

/** What betrays the machine of whoever wrote it, or opens a door. */
const patterns: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: "a user's folder", pattern: /(?<![\w.$~}-])\/(?:home|Users)\/(?!runner\b)[a-z][\w-]*\// },
  { what: "root's folder", pattern: /(?<![\w.$~}/-])\/root\/[\w.]/ },
  { what: 'a private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/ },
  { what: 'an access key of AWS', pattern: /\bAKIA(?![A-Z0-9]*EXAMPLE\b)[A-Z0-9]{16}\b/ },
  { what: 'a token of GitHub', pattern: /\bgh[pousr]_[A-Za-z0-9]{36}\b/ },
  { what: 'a token of npm', pattern: /\bnpm_[A-Za-z0-9]{36}\b|_authToken\s*=/ },
  { what: 'the address of a registry', pattern: /^\s*(?:registry|index-url)\s*=\s*https?:/m },
];

/** The clone's own folder and its user's, unless they are too short to be told from ordinary words. */
function ownFolders(): readonly string[] {
  return [`${dirname(repository)}/`, `${homedir()}/`].filter((folder) => folder.length > 4);
}

/** One line per finding: the file and what stands in it. */
export function findMachineTraces(
  files: readonly TextFile[],
  folders: readonly string[] = ownFolders(),
): readonly string[] {
  return files.flatMap(({ path, text }) => [
    ...patterns.filter(({ pattern }) => pattern.test(text)).map(({ what }) => `${path}: ${what}`),
    ...folders
      .filter((folder) => new RegExp(`(?<![\\w.-])${escaped(folder)}`).test(text))
      .map((folder) => `${path}: ${folder}`),
  ]);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
