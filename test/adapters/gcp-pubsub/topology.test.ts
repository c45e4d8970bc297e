/** What is made in the service, and what of somebody else's is refused. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { subscriptionName } from "../../../adapters/gcp-pubsub/names.ts";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import { receiveAndAck } from "../../../src/transport/conformance/steps.ts";
import type { Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { EVERYTHING, openPubsub, PROJECT, SETTINGS, soon, topicWithGroup, uniqueName } from "./instance.ts";
import { type NativeClients, openNativeClients } from "./native.ts";

const LATEST = { at: "latest" } as const;

await describeBroker("gcp-pubsub", "topics and subscriptions of Pub/Sub", (address) => {
  let transport: Transport;
  let native: NativeClients;

  beforeAll(async () => {
    transport = await openPubsub(address);
    native = await openNativeClients(address);
  });

  afterAll(async () => {
    await transport.close(soon());
    await native.close();
  });

  it("makes subscriptions that never expire, have no dead-letter policy and keep order", async () => {
    const { address: topic, group } = await topicWithGroup(transport, { options: { messageRetentionSeconds: 3_600 } });
    const [found] = await native.subscriber.getSubscription({ subscription: subscriptionName(PROJECT, topic, group) });
    expect(found).toMatchObject({
      topic: `projects/${PROJECT}/topics/${topic}`,
      expirationPolicy: { ttl: null },
      deadLetterPolicy: null,
      enableMessageOrdering: true,
      messageRetentionDuration: { seconds: "3600" },
    });
  });

  it("makes nothing where the operator owns the project, and says what is missing", async () => {
    const topic = uniqueName();
    const owned = { ...SETTINGS, provision: false };
    await expect(transport.provision(topic, owned)).rejects.toMatchObject({ code: "not_found" });
    await native.publisher.createTopic({ name: `projects/${PROJECT}/topics/${topic}` });
    await transport.provision(topic, owned);
    await expect(transport.createGroup(topic, "g", LATEST)).rejects.toMatchObject({ code: "not_found" });
    await createNatively(topic, "g", { enableMessageOrdering: true });
    await transport.createGroup(topic, "g", LATEST);
    await transport.deleteGroup(topic, "g");
    await transport.deprovision(topic);
    await native.subscriber.getSubscription({ subscription: subscriptionName(PROJECT, topic, "g") }); // still there
  });

  it.each([
    ["a dead-letter policy", "dead-letter", { deadLetter: true, enableMessageOrdering: true }],
    ["no message ordering under a topic with a key", "ordering", {}],
    [
      "an endpoint that it pushes to",
      "pushes",
      { enableMessageOrdering: true, pushConfig: { pushEndpoint: "https://a.example" } },
    ],
  ] as const)(
    "refuses a subscription with %s",
    async (_, reason, { deadLetter, ...settings }: Record<string, unknown>) => {
      const topic = uniqueName();
      await transport.provision(topic, SETTINGS);
      const deadLetterPolicy = { deadLetterTopic: `projects/${PROJECT}/topics/${topic}`, maxDeliveryAttempts: 5 };
      await createNatively(topic, "g", { ...settings, ...(deadLetter === true ? { deadLetterPolicy } : {}) });
      const creating = transport.createGroup(topic, "g", LATEST);
      await expect(creating).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining(reason) });
    },
  );

  it("replaces a subscription that is left over from a topic that was deleted by others", async () => {
    const { address: topic, group } = await topicWithGroup(transport);
    await native.publisher.deleteTopic({ topic: `projects/${PROJECT}/topics/${topic}` });
    await transport.provision(topic, SETTINGS);
    await transport.createGroup(topic, group, LATEST);
    await transport.publisher(topic).publish([makeEvent()], soon());
    await receiveAndAck(transport.consumer(topic, group, { matcher: EVERYTHING }), 1);
  });

  it("tells a consumer whose topic was deleted by others", { timeout: 30_000 }, async () => {
    const { address: topic, group } = await topicWithGroup(transport);
    await native.publisher.deleteTopic({ topic: `projects/${PROJECT}/topics/${topic}` });
    const consumer = transport.consumer(topic, group, { matcher: EVERYTHING });
    await expect(consumer.receive(1, AbortSignal.timeout(25_000))).rejects.toMatchObject({ code: "not_found" });
  });

  it("refuses an address that the service can't have as a topic, by naming the rule", async () => {
    for (const bad of ["1st", "ab", "goog-topic", "a/b", ""]) {
      await expect(transport.provision(bad, SETTINGS)).rejects.toMatchObject({ code: "invalid" });
      const [result] = await transport.publisher(bad).publish([makeEvent()], soon());
      expect(result).toMatchObject({ ok: false, stored: "no", error: { code: "invalid" } });
    }
  });

  async function createNatively(topic: string, group: string, settings: object): Promise<void> {
    const name = subscriptionName(PROJECT, topic, group);
    await native.subscriber.createSubscription({ name, topic: `projects/${PROJECT}/topics/${topic}`, ...settings });
  }
});
