import { defineConfig } from "vitest/config";
import { TallyReporter } from "./test/support/tally-reporter.ts";

const tallyFile = process.env.TEST_TALLY_FILE;
/**
 * Four real brokers beside the tests leave a small machine no time to spare, and a broker that is late fails a bounded
 * wait. Where they are required a failing test is run once more, which the report shows; one that fails twice fails.
 */
const repetitions = process.env.REQUIRE_BROKERS === undefined ? 0 : 1;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    retry: repetitions,
    pool: "forks",
    maxWorkers: 2,
    reporters: tallyFile === undefined ? ["default"] : ["default", new TallyReporter(tallyFile)],
  },
});
