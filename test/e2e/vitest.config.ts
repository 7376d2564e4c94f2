import { defineConfig } from 'vitest/config';

/** User stories, the same files on both platforms: FLYWHEEL_E2E=embedded (default) or distributed. */
export default defineConfig({
  test: {
    name: 'e2e',
    root: import.meta.dirname,
    include: ['*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 2_400_000,
  },
});
