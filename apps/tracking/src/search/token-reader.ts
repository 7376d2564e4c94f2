import { malformed, tokenize } from './lexer.ts';
import type { Token } from './lexer.ts';

/** What a clause or an order speaks of: `metrics.loss` has the entity `metrics`; a bare key has none. */
export type Subject = {
  readonly entity: string | undefined;
  readonly key: string;
  readonly position: number;
};

/** Walks over the tokens of one filter or order. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  readonly #field: string;
  readonly #length: number;
  #next = 0;

  constructor(text: string, field: string) {
    this.#tokens = tokenize(text, field);
    this.#field = field;
    this.#length = text.length;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#next + ahead];
  }

  take(): Token | undefined {
    return this.#tokens[this.#next++];
  }

  /** Takes the word if it comes next, in any case. */
  takeWord(text: string): boolean {
    const isNext = isWord(this.peek(), text);
    if (isNext) this.#next++;
    return isNext;
  }

  takeSign(text: string): boolean {
    const token = this.peek();
    const isNext = token?.kind === 'sign' && token.text === text;
    if (isNext) this.#next++;
    return isNext;
  }

  /**
   * `[entity.]key`: an entity is a word up to its first dot, the key the rest, or a name in backticks or double quotes.
   */
  subject(): Subject {
    const token = this.take();
    const position = token?.position ?? this.#length;
    if (token?.kind === 'name') return { entity: undefined, key: token.text, position };
    if (token?.kind === 'text' && token.quote === '"')
      return { entity: undefined, key: token.text, position };
    if (token?.kind !== 'word') throw this.fault(position, 'expected a name');
    const dot = token.text.indexOf('.');
    if (dot < 0) return { entity: undefined, key: token.text, position };
    const entity = token.text.slice(0, dot);
    const rest = token.text.slice(dot + 1);
    if (rest !== '') return { entity, key: rest, position };
    const quoted = this.peek();
    const isName = quoted?.kind === 'name' || (quoted?.kind === 'text' && quoted.quote === '"');
    const isTouching = quoted?.position === position + token.text.length;
    if (!isName || !isTouching) throw this.fault(position, `expected a key after '${entity}.'`);
    this.#next++;
    return { entity, key: quoted.text, position };
  }

  /** Where the next token stands, for messages. */
  get position(): number {
    return this.peek()?.position ?? this.#length;
  }

  fault(position: number, rule: string) {
    return malformed(this.#field, position, rule);
  }
}

export function isWord(token: Token | undefined, text: string): boolean {
  return token?.kind === 'word' && token.text.toUpperCase() === text;
}
