import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build-wasm.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // End-to-end tests mostly wait, but run whole agents that must not starve one another on two cores.
    maxWorkers: 3,
    // Real kernels and real time: a machine that stalls for a moment gets a second try; defects fail both.
    retry: 1,
  },
});
