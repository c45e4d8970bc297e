import assert from "node:assert/strict";
import type { StoreCase } from "./subject.ts";

export const resourceCases: readonly StoreCase[] = [
  {
    name: "keeps resources by kind and name, with their text as it is",
    async run({ store }) {
      const orders = { name: "orders", revision: 1, json: '{"name": "orders","n":1.0,"ü":"\\u00fc"}' };
      const same = { name: "orders", revision: 7, json: "{}" };
      await store.putResource("topic", orders);
      await store.putResource("subscription", same);
      assert.deepEqual(await store.resources("topic"), [orders]);
      assert.deepEqual(await store.resources("subscription"), [same]);
    },
  },
  {
    name: "replaces a resource of the same name",
    async run({ store }) {
      await store.putResource("topic", { name: "orders", revision: 1, json: "{}" });
      await store.putResource("topic", { name: "orders", revision: 2, json: "[]" });
      assert.deepEqual(await store.resources("topic"), [{ name: "orders", revision: 2, json: "[]" }]);
    },
  },
  {
    name: "deletes a resource, and one that is not there without complaint",
    async run({ store }) {
      await store.putResource("topic", { name: "orders", revision: 1, json: "{}" });
      await store.putResource("topic", { name: "audit", revision: 1, json: "{}" });
      await store.deleteResource("topic", "orders");
      await store.deleteResource("topic", "orders");
      assert.deepEqual(await store.resources("topic"), [{ name: "audit", revision: 1, json: "{}" }]);
    },
  },
];
