import { deliveryCases } from "./delivery-cases.ts";
import { durabilityCases } from "./durability-cases.ts";
import { keyCases } from "./key-cases.ts";
import { leaseCases } from "./lease-cases.ts";
import { listCases } from "./list-cases.ts";
import { modelCase } from "./model-case.ts";
import { redriveCases } from "./redrive-cases.ts";
import { resourceCases } from "./resource-cases.ts";
import type { StoreCase } from "./subject.ts";

export const storeCases: Readonly<Record<string, readonly StoreCase[]>> = {
  resources: resourceCases,
  deliveries: deliveryCases,
  leases: leaseCases,
  "order by key, marks": keyCases,
  lists: listCases,
  "redrive and discard": redriveCases,
  durability: durabilityCases,
  "random calls": [modelCase],
};
