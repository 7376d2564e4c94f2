import { preset } from '../../tools/vitest.preset.ts';

const base = preset('bench');
export default { test: { ...base.test, include: ['**/*.test.ts'] } };
