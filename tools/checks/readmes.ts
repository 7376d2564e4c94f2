/** Folders of packages that have a manifest but no README.md, or one too short to say what it owns. */
export function findMissingReadmes(
  files: readonly { readonly path: string; readonly text: string }[],
): readonly string[] {
  const textByPath = new Map(files.map(({ path, text }) => [path, text]));
  return [...textByPath.keys()]
    .map((path) => /^((?:apps|libs)\/[^/]+)\/package\.json$/.exec(path)?.[1])
    .filter((folder) => folder !== undefined)
    .filter((folder) => (textByPath.get(`${folder}/README.md`) ?? '').trim().length < 200)
    .sort();
}
