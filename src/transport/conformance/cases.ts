/** All cases. */
import type { ConformanceCase } from "./case.ts";
import { deliveryCases } from "./delivery.ts";
import { duplicateCases } from "./duplicates.ts";
import { fidelityCases } from "./fidelity.ts";
import { flowCases } from "./flow.ts";
import { groupCases } from "./groups.ts";
import { lifecycleCases } from "./lifecycle.ts";
import { openingCases } from "./opening.ts";
import { outageCases } from "./outages.ts";
import { publishCases } from "./publish.ts";
import { readingCases } from "./reading.ts";
import { settlementCases } from "./settlement.ts";

export const conformanceCases: readonly ConformanceCase[] = [
  ...openingCases,
  ...fidelityCases,
  ...readingCases,
  ...publishCases,
  ...duplicateCases,
  ...deliveryCases,
  ...settlementCases,
  ...flowCases,
  ...outageCases,
  ...lifecycleCases,
  ...groupCases,
];
