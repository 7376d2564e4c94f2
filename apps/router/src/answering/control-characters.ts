/** Ids are kept in databases and headers of others, which do not take every character that JSON does. */
export function hasControlCharacters(id: string): boolean {
  for (let index = 0; index < id.length; index++) {
    const code = id.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
