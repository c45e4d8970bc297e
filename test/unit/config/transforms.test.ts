import { expect, it } from "vitest";
import { renderPlan } from "../../../src/config/render.ts";
import { load } from "./load.ts";

const withTransform = (expression: string): string =>
  JSON.stringify({
    topics: { orders: null },
    subscriptions: { billing: { topic: "orders", sink: "https://billing.example/", transform: expression } },
  });

it("a transformation of the configuration is compiled, and printed as it was written", async () => {
  const expression = '( $total := $sum(data.lines.price); { "data": { "total": $total }, "type": "$${type}" } )';
  const plan = await load(withTransform(expression));
  expect(plan.subscriptions).toMatchObject([{ transform: expression.replace("$${", "${") }]);
  expect((await load(renderPlan(plan))).subscriptions[0]?.transform).toBe(plan.subscriptions[0]?.transform);
});

it("one that is no JSONata is refused with its place and what is wrong with it", async () => {
  await expect(load(withTransform('{ "data": '))).rejects.toMatchObject({
    code: "invalid-configuration",
    message: expect.stringMatching(
      /^pulsebus\.yaml:1:\d+: subscriptions\.billing\.transform: is no JSONata: .* \(at character 10\)$/,
    ),
  });
});
