import { fileURLToPath } from 'node:url';
import type { ViteUserConfig } from 'vitest/config';

export const setupFile = fileURLToPath(new URL('vitest.setup.ts', import.meta.url));

/** What every package's tests have in common. Generous time-outs: CI machines are slow and noisy. */
export function preset(name: string): ViteUserConfig {
  return {
    test: {
      name,
      include: ['src/**/*.test.ts'],
      exclude: ['**/*.int.test.ts', '**/node_modules/**'],
      pool: 'forks',
      setupFiles: [setupFile],
      testTimeout: 180_000,
      hookTimeout: 300_000,
    },
  };
}
