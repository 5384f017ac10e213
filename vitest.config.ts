import { defineConfig } from 'vitest/config';

const E2E = 'test/e2e/**/*.test.ts';
const common = { testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    globalSetup: ['test/support/build-wasm.ts'],
    // End-to-end tests mostly wait, but run whole agents that must not starve one another on two cores.
    maxWorkers: 3,
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [E2E],
          // After the others, which measure time.
          sequence: { groupOrder: 1 },
        },
      },
      // Real kernels and real time: a machine that stalls for a moment gets a second try; defects fail both.
      {
        test: {
          ...common,
          name: 'e2e',
          include: [E2E],
          retry: 1,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
    ],
  },
});
