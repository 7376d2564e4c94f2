import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** Each client library has one home; importing it anywhere else is an error. */
const homes = {
  kafkajs: 'kafka',
  pg: 'storage',
  '@electric-sql/pglite': 'storage',
  lmdb: 'storage',
  ioredis: 'storage',
  '@aws-sdk/client-s3': 'storage',
  '@duckdb/node-api': 'storage',
  fastify: 'http',
  undici: 'http',
  'onnxruntime-node': 'inference',
  pino: 'runtime',
  'prom-client': 'runtime',
  '@opentelemetry/api': 'runtime',
};
const foreignTo = (lib) =>
  Object.entries(homes)
    .filter(([, home]) => home !== lib)
    .map(([name, home]) => ({ name, message: `only libs/${home} may import it` }));

const restrict = (lib, extra = []) => ['error', { paths: foreignTo(lib), patterns: extra }];

const noTestEntry = {
  group: ['@flywheel/*/testing'],
  message: 'only test files may import a testing entry',
};
const noFixture = {
  group: ['**/fixture/*', '**/*.fixture.ts'],
  message: 'only test files may import a fixture',
};

const banned = [
  { selector: 'TSEnumDeclaration', message: 'use a union of string literals' },
  {
    selector: 'TSAsExpression > TSAnyKeyword',
    message: 'parse it, or cast to a named type with a reason',
  },
  { selector: "MemberExpression[property.name='getInstance']", message: 'pass it as an argument' },
  {
    selector: "CallExpression[callee.object.name='vi'][callee.property.name=/^(mock|doMock)$/]",
    message: 'fake a port of ours instead of a module',
  },
];

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/**',
      '**/dist/**',
      '.nx/**',
      '.flywheel/**',
      '.servers/**',
      '**/*.mjs',
      'tools/lint/planted/**',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          allow: [],
          depConstraints: [
            { sourceTag: 'layer:core', onlyDependOnLibsWithTags: [] },
            { sourceTag: 'layer:contracts', onlyDependOnLibsWithTags: ['layer:core'] },
            {
              sourceTag: 'layer:adapter',
              onlyDependOnLibsWithTags: ['layer:core', 'layer:contracts'],
            },
            { sourceTag: 'layer:leaf', onlyDependOnLibsWithTags: ['layer:core'] },
            {
              sourceTag: 'layer:runtime',
              onlyDependOnLibsWithTags: [
                'layer:core',
                'layer:contracts',
                'layer:adapter',
                'layer:leaf',
              ],
            },
            {
              sourceTag: 'layer:service',
              onlyDependOnLibsWithTags: [
                'layer:core',
                'layer:contracts',
                'layer:adapter',
                'layer:leaf',
                'layer:runtime',
              ],
            },
            { sourceTag: 'layer:process', onlyDependOnLibsWithTags: ['*'] },
          ],
        },
      ],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: true },
      ],
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      'no-console': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'only main.ts reads the environment' },
      ],
      'no-restricted-syntax': ['error', ...banned],
      'no-restricted-imports': restrict('none', [noTestEntry, noFixture]),
    },
  },
  ...['kafka', 'storage', 'http', 'inference', 'runtime'].map((lib) => ({
    files: [`libs/${lib}/**/*.ts`],
    rules: { 'no-restricted-imports': restrict(lib, [noTestEntry, noFixture]) },
  })),
  {
    files: ['libs/*/src/index.ts', 'libs/*/src/testing.ts', 'apps/*/src/index.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...banned,
        { selector: 'ExportAllDeclaration[exported=null]', message: 'name what a package exports' },
      ],
    },
  },
  {
    files: ['**/main.ts', 'tools/**/*.ts', 'test/**/*.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['apps/flywheel/**/*.ts', 'test/**/*.ts'],
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          allow: [
            '@flywheel/ingestion',
            '@flywheel/feature-store',
            '@flywheel/tracking',
            '@flywheel/registry',
            '@flywheel/trainer',
            '@flywheel/router',
            '@flywheel/monitor',
            '@flywheel/flywheel',
            '@flywheel/flywheel/testing',
          ],
          depConstraints: [{ sourceTag: '*', onlyDependOnLibsWithTags: ['*'] }],
        },
      ],
    },
  },
  {
    files: ['**/fixture/**/*.ts', '**/*.fixture.ts'],
    rules: { 'no-restricted-imports': restrict('none') },
  },
  {
    files: [
      '**/*.test.ts',
      '**/*.contract.ts',
      'libs/*/src/testing.ts',
      'test/**/*.ts',
      '**/vitest.config.ts',
      'tools/**/*.ts',
    ],
    rules: {
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-restricted-properties': 'off',
    },
  },
  {
    files: ['**/vitest.config.ts', 'vitest.config.ts'],
    rules: { 'no-restricted-exports': 'off', '@nx/enforce-module-boundaries': 'off' },
  },
  {
    files: ['libs/*/src/*.contract.ts', '**/*.int.test.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  prettier,
);
