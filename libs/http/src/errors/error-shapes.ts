import { nativeErrors } from './error-shape.ts';
import type { ErrorShape } from './error-shape.ts';

/** Which surface words the errors of a path: the longest registered prefix, whole segments only. */
export class ErrorShapes {
  readonly #byPrefix: { readonly prefix: string; readonly shape: ErrorShape }[] = [];

  register(prefix: string, shape: ErrorShape): void {
    if (!prefix.startsWith('/')) throw new Error(`prefix ${prefix} must begin with a slash`);
    this.#byPrefix.push({ prefix: prefix.replace(/\/+$/, ''), shape });
    this.#byPrefix.sort((left, right) => right.prefix.length - left.prefix.length);
  }

  of(path: string): ErrorShape {
    const found = this.#byPrefix.find(
      ({ prefix }) => path === prefix || path.startsWith(`${prefix}/`),
    );
    return found?.shape ?? nativeErrors;
  }
}
