/** Opens a store and parks deliveries until it is killed. Prints the ids of each call once it is done. */
import { parkOf, times } from "./samples.ts";
import type { StoreKind } from "./subject.ts";

const [module = "", location = "", subscription = "", rows = ""] = process.argv.slice(2);
const { openStore } = (await import(module)) as Pick<StoreKind, "openStore">;
const { store } = await openStore(location);

/** More than anybody waits for; a bound for when nobody kills this process. */
const CALLS = 100_000;

async function parkAgainAndAgain(): Promise<void> {
  for (let call = 0; call < CALLS; call++) {
    const parks = times(Number(rows), () => parkOf(subscription));
    await store.park(parks);
    process.stdout.write(`${parks.map(({ id }) => id).join(" ")}\n`);
  }
}

await Promise.all(times(8, parkAgainAndAgain));
