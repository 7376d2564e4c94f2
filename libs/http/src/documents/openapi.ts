import type { RouteDescription } from '../server/route-table.ts';

const ERROR = {
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: { type: 'string', description: 'decides what a caller may do' },
    message: { type: 'string', description: 'for people' },
    details: { type: 'object', description: 'for a wrong field: field, rule, issues' },
  },
};

/** OpenAPI 3.1 of all routes. Addresses are left out: the document is served where the routes are. */
export function openApi(routes: readonly RouteDescription[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = (paths[templateOf(route.path)] ??= {});
    for (const method of route.methods)
      path[method.toLowerCase()] = operationObject(route, method, route.methods.length > 1);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Flywheel', version: '1' },
    paths,
    components: {
      schemas: { Error: ERROR },
      responses: {
        Error: {
          description: 'an error; its code tells what a caller may do',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
    },
  };
}

function operationObject(route: RouteDescription, method: string, isShared: boolean): object {
  const known = route.openapi as { parameters?: object[]; responses?: object };
  return {
    operationId: isShared ? `${route.name}.${method.toLowerCase()}` : route.name,
    tags: [route.service],
    summary: route.summary,
    ...known,
    parameters: known.parameters ?? parametersOf(route.path),
    responses: {
      ...(known.responses ?? { '200': { description: 'success' } }),
      default: { $ref: '#/components/responses/Error' },
    },
  };
}

function templateOf(path: string): string {
  return path.replaceAll(/:([^/]+)/g, '{$1}').replace(/\*$/, '{path}');
}

function parametersOf(path: string): object[] {
  return [...templateOf(path).matchAll(/\{([^}]+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}
