import { defineConfig } from "vitest/config";
import { TallyReporter } from "./test/support/tally-reporter.ts";

const tallyFile = process.env.TEST_TALLY_FILE;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: "forks",
    maxWorkers: 2,
    reporters: tallyFile === undefined ? ["default"] : ["default", new TallyReporter(tallyFile)],
  },
});
