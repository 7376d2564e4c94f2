import ts from 'typescript';

const groups = new Set(['describe']);
const cases = new Set(['test', 'it']);

/** Titles that occur twice in one test file, with the titles of the groups they stand in, each told once. */
export function findDuplicateTitles(source: string): readonly string[] {
  const file = ts.createSourceFile('file.test.ts', source, ts.ScriptTarget.Latest, true);
  const seen = new Set<string>();
  const duplicates = new Set<string>();
  const visit = (node: ts.Node, path: readonly string[]): void => {
    const call = ts.isCallExpression(node) ? readCall(node) : undefined;
    if (call === undefined) {
      ts.forEachChild(node, (child) => {
        visit(child, path);
      });
      return;
    }
    const at = [...path, call.title];
    const title = at.join(' > ');
    // A title with places for the row's values becomes as many titles as there are rows.
    if (call.kind === 'case' && !/[%$]/.test(title)) {
      if (seen.has(title)) duplicates.add(title);
      seen.add(title);
    }
    for (const argument of call.rest) visit(argument, call.kind === 'group' ? at : path);
  };
  visit(file, []);
  return [...duplicates];
}

/** A call such as `test('title', …)`, `describe.each(rows)('title', …)` or `test.skipIf(x)('title', …)`. */
function readCall(
  call: ts.CallExpression,
): { kind: 'group' | 'case'; title: string; rest: readonly ts.Expression[] } | undefined {
  const name = rootName(call.expression);
  const [first, ...rest] = call.arguments;
  if (name === undefined || first === undefined || !ts.isStringLiteralLike(first)) return undefined;
  if (groups.has(name)) return { kind: 'group', title: first.text, rest };
  if (cases.has(name)) return { kind: 'case', title: first.text, rest };
  return undefined;
}

function rootName(expression: ts.Expression): string | undefined {
  if (ts.isIdentifier(expression)) return expression.text;
  if (ts.isPropertyAccessExpression(expression) || ts.isCallExpression(expression))
    return rootName(expression.expression);
  return undefined;
}
