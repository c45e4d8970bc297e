/**
 * The client library that users already run, on both sides of the bus. Its binary mode neither encodes nor decodes
 * attributes outside ASCII (the HTTP binding asks for percent-encoding), so there are none here.
 */
import { CloudEvent, emitterFor, HTTP, httpTransport, Mode } from "cloudevents";
import { describe, expect, it } from "vitest";
import { subscribe, unique } from "../support/api.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

failOnLeaks();

const MODES = { binary: Mode.BINARY, structured: Mode.STRUCTURED } as const;

describe("npm cloudevents", () => {
  it.each(["binary", "structured"] as const)("publishes in %s mode and reads what our webhooks send", async (mode) => {
    await using bus = await startPulsebus();
    await using sink = await startReceiver();
    const topic = unique("interop");
    for (const format of ["binary", "structured"] as const) {
      await subscribe(bus.url, { topic, sink: sink.url(`/${format}`), delivery: { format } });
    }
    const event = new CloudEvent({
      id: "I-1",
      source: "/inter/op",
      type: "com.example.interop",
      subject: "orders/42?x=y",
      time: "2026-11-25T18:00:00.000Z",
      datacontenttype: "application/json",
      data: { text: "größe", n: 1.5, list: [null, true] },
      partitionkey: "k",
      count: 7,
    });
    const emit = emitterFor(httpTransport(`${bus.url}/topics/${topic}/events`), { mode: MODES[mode] });
    await emit(event);

    for (const { path, headers, body } of await sink.received(2)) {
      const read = HTTP.toEvent({ headers, body: body.toString() }) as CloudEvent;
      expect(read.validate(), path).toBe(true);
      const { data, subject, time, ...others } = read.toJSON();
      expect({ path, data, subject, time }).toEqual({
        path,
        data: event.data,
        subject: event.subject,
        time: event.time,
      });
      // Headers have no types: the library reads an integer that travelled in one as a string.
      expect({ ...others, count: String(others.count) }).toMatchObject({
        specversion: "1.0",
        id: "I-1",
        source: "/inter/op",
        type: "com.example.interop",
        datacontenttype: "application/json",
        partitionkey: "k",
        count: "7",
      });
    }
  });
});
