/** The media type of a file by its name; bytes of unknown kind unless known. */
export function contentTypeOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (textNames.has(name)) return 'text/plain; charset=utf-8';
  const dot = name.lastIndexOf('.');
  const extension = dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
  return typeByExtension.get(extension) ?? 'application/octet-stream';
}

const textNames = new Set(['MLmodel', 'MLproject']);

const typeByExtension: ReadonlyMap<string, string> = new Map(
  Object.entries({
    txt: 'text/plain; charset=utf-8',
    log: 'text/plain; charset=utf-8',
    md: 'text/plain; charset=utf-8',
    py: 'text/plain; charset=utf-8',
    yaml: 'text/plain; charset=utf-8',
    yml: 'text/plain; charset=utf-8',
    csv: 'text/csv; charset=utf-8',
    json: 'application/json',
    html: 'text/html; charset=utf-8',
    svg: 'image/svg+xml',
    png: 'image/png',
    jpg: 'image/jpeg',
    jpeg: 'image/jpeg',
    gif: 'image/gif',
    webp: 'image/webp',
    pdf: 'application/pdf',
    zip: 'application/zip',
    parquet: 'application/vnd.apache.parquet',
  }),
);
