import { defineConfig, type ViteUserConfig } from 'vitest/config';

const slow = { testTimeout: 120_000, hookTimeout: 120_000 };

/** One project a tier. A tier that starts processes runs file by file, so that two cores stay two cores. */
const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/unit/**/*.test.ts'],
          pool: 'threads',
          isolate: false,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/acceptance/**/*.test.ts'],
          pool: 'forks',
          ...slow,
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          pool: 'forks',
          ...slow,
          testTimeout: 600_000,
        },
      },
      { test: { name: 'chaos', include: ['test/chaos/**/*.test.ts'], pool: 'forks', ...slow, testTimeout: 900_000 } },
      {
        test: {
          name: 'backends',
          include: ['test/real/**/*.test.ts'],
          globalSetup: ['test/real/components/setup-components.ts'],
          pool: 'forks',
          fileParallelism: false,
          ...slow,
          testTimeout: 600_000,
        },
      },
      { test: { name: 'pack', include: ['test/pack/**/*.test.ts'], pool: 'forks', ...slow, testTimeout: 300_000 } },
    ],
  },
});

export default config;
