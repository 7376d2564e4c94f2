import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** What starts processes takes longest: it begins first, so that no worker is left alone with it at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) =>
      /\b(faults|kill|process|restart|service)\.test\.ts$/.test(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

/** One project per package; `*.int.test.ts` needs real servers and runs by `npm run test:servers`. */
export default defineConfig({
  test: {
    projects: ['libs/*', 'apps/*', 'test/bench', 'tools'],
    reporters: ['default'],
    passWithNoTests: false,
    sequence: { sequencer: LongestFirst },
    // Much of what they do is waiting: on two cores the default is one at a time.
    maxWorkers: 3,
  },
});
