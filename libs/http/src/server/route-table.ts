import type { RawRoute, RouteMethod } from './raw-route.ts';
import type { RouteOwner } from './raw-route.ts';

/** One row of the documentation. */
export type RouteDescription = {
  readonly service: RouteOwner;
  readonly name: string;
  readonly summary: string;
  readonly methods: readonly RouteMethod[];
  readonly path: string;
  /** Members of the OpenAPI operation object. */
  readonly openapi: object;
};

/** What is served: refuses to register a method of a path twice, and knows which methods a path has. */
export class RouteTable {
  readonly #routes: RawRoute[] = [];
  readonly #nameByMethodAndPath = new Map<string, string>();
  readonly #names = new Set<string>();

  add(route: RawRoute): void {
    if (this.#names.has(route.name)) throw new Error(`route ${route.name} is registered twice`);
    for (const method of methodsOf(route)) {
      const key = `${method} ${route.path.replaceAll(/:[^/]+/g, ':')}`;
      const other = this.#nameByMethodAndPath.get(key);
      if (other !== undefined) throw new Error(`${route.name} and ${other} are both ${key}`);
      this.#nameByMethodAndPath.set(key, route.name);
    }
    this.#names.add(route.name);
    this.#routes.push(route);
  }

  get routes(): readonly RawRoute[] {
    return this.#routes;
  }

  /** The methods to register: GET answers HEAD too, unless HEAD has its own route. */
  servedMethods(route: RawRoute): readonly RouteMethod[] {
    const methods = methodsOf(route);
    const key = `HEAD ${route.path.replaceAll(/:[^/]+/g, ':')}`;
    return methods.includes('GET') && !this.#nameByMethodAndPath.has(key)
      ? [...methods, 'HEAD']
      : methods;
  }

  /** Methods of the routes that match `path` (as sent), sorted; empty if none does. */
  methodsAt(path: string): readonly string[] {
    const methods = this.#routes
      .filter((route) => matches(route.path, path))
      .flatMap((route) => this.servedMethods(route));
    return [...new Set(methods)].sort();
  }

  describe(): readonly RouteDescription[] {
    return this.#routes.map((route) => ({
      service: route.service,
      name: route.name,
      summary: route.summary,
      methods: methodsOf(route),
      path: route.path,
      openapi: route.openapi ?? {},
    }));
  }
}

function methodsOf(route: RawRoute): readonly RouteMethod[] {
  return typeof route.method === 'string' ? [route.method] : route.method;
}

/** Runs for requests that found no route only. */
function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.at(-1) === '*') {
    if (given.length < wanted.length) return false;
    wanted.pop();
  } else if (wanted.length !== given.length) return false;
  return wanted.every((segment, index) =>
    segment.startsWith(':') ? given[index] !== '' : segment === given[index],
  );
}
