import { defineConfig } from 'vitest/config';

/** One project per package; `*.int.test.ts` needs real servers and runs by `npm run test:servers`. */
export default defineConfig({
  test: {
    projects: ['libs/*', 'apps/*', 'test/bench', 'tools'],
    reporters: ['default'],
    passWithNoTests: false,
    // Much of what they do is waiting: on two cores the default is one at a time.
    maxWorkers: 2,
  },
});
