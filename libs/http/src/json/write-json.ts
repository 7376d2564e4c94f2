/**
 * JSON text of a value; bigints are written as integers with all their digits. Throws for what JSON cannot hold
 * (functions at the top, cycles). NaN and infinities become null, as in `JSON.stringify`.
 */
export function writeJson(value: unknown): string {
  try {
    return stringify(value);
  } catch (thrown) {
    if (!(thrown instanceof TypeError) || !thrown.message.includes('BigInt')) throw thrown;
    return withBigIntegers(value);
  }
}

function stringify(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError('JSON cannot hold this value');
  return text;
}

/** A mark no caller can send: a private-use sequence chosen anew for every text that needs it. */
function withBigIntegers(value: unknown): string {
  const mark = `\ue000${Math.random().toString(36).slice(2)}\ue001`;
  const text = JSON.stringify(value, (_name, member: unknown) =>
    typeof member === 'bigint' ? `${mark}${member}` : member,
  );
  return text.replaceAll(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1');
}
