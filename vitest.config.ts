import { fileURLToPath } from 'node:url';
import { defineConfig, type TestProjectInlineConfiguration, type ViteUserConfig } from 'vitest/config';

const MINUTE = 60_000;

interface Tier {
  readonly name: string;
  readonly include: readonly string[];
  readonly timeoutMs: number;
  readonly options?: TestProjectInlineConfiguration['test'];
}

/** One project a tier; a tier begins when the one before it has ended, cheapest first. */
function project({ name, include, timeoutMs, options }: Tier, order: number): TestProjectInlineConfiguration {
  return {
    // As heddle's own resolver does it: the name means these very sources.
    resolve: { alias: [{ find: /^heddle$/, replacement: fileURLToPath(new URL('src/index.ts', import.meta.url)) }] },
    test: {
      name,
      include: [...include],
      pool: 'forks',
      sequence: { groupOrder: order },
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      // The command line under test is that of the sources, never of an older build.
      env: { HEDDLE_SOURCE: '1' },
      ...options,
    },
  };
}

const tiers: readonly Tier[] = [
  {
    name: 'unit',
    include: ['src/**/*.test.ts', 'test/unit/**/*.test.ts'],
    timeoutMs: 20_000,
    options: { pool: 'threads', isolate: false },
  },
  {
    name: 'integration',
    include: ['test/integration/**/*.test.ts', 'test/acceptance/**/*.test.ts'],
    timeoutMs: 2 * MINUTE,
  },
  { name: 'simulation', include: ['test/simulation/**/*.test.ts'], timeoutMs: 10 * MINUTE },
  { name: 'chaos', include: ['test/chaos/**/*.test.ts'], timeoutMs: 15 * MINUTE },
  {
    name: 'backends',
    include: ['test/real/**/*.test.ts'],
    timeoutMs: 10 * MINUTE,
    // File by file, so that two cores stay two cores.
    options: { fileParallelism: false, globalSetup: ['test/real/components/setup-components.ts'] },
  },
  { name: 'pack', include: ['test/pack/**/*.test.ts'], timeoutMs: 5 * MINUTE },
];

/** Where CI wants a report it can count. */
const report = process.env['HEDDLE_TEST_REPORT'];

const config: ViteUserConfig = defineConfig({
  test: {
    projects: tiers.map(project),
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});

export default config;
