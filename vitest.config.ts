// Runs every test beside its code, from source, on two workers; knows no package by name.
import { defineConfig } from "vitest/config";

const conditions = ["@dual-head/source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "benchmarks/src/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "./packages/repo-tools/src/vitest-summary.ts"],
  },
});
