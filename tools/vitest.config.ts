import { preset } from './vitest.preset.ts';

const base = preset('tools');
export default { test: { ...base.test, include: ['**/*.test.ts'] } };
