/** The transformation process: compiles expressions, keeps them, and applies them to events, one after the other. */
import { isObject } from "../json-value.ts";
import { TRANSFORM_BYTES_MAX, TRANSFORM_COMPILED_MAX } from "../limits.ts";
import { type Answer, READY, type Request } from "./messages.ts";
import { OutOfTime, problemOf, Sandbox } from "./sandbox.ts";

/** What makes an event the event that it is. */
const IDENTITY = ["specversion", "id", "source"];

let sandbox = new Sandbox();
const compiled = new Map<string, ReturnType<Sandbox["compile"]>>();

// It ends with the bus that it belongs to, and not before: Ctrl-C in a terminal reaches both.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
process.on("message", (request: Request) => process.send?.(answer(request)));
process.send?.(READY);

function answer({ expression, document }: Request): Answer {
  let evaluate: ReturnType<Sandbox["compile"]>;
  try {
    evaluate = compile(expression);
  } catch (error) {
    return failed(`is no JSONata: ${problemOf(error)}`);
  }
  if (document === undefined) return { kind: "compiled" };
  const event = Buffer.from(document).toString("utf8");
  try {
    return merge(event, sandbox.evaluate(evaluate, event));
  } catch (error) {
    if (error instanceof OutOfTime) startOver();
    const isStarved = error instanceof OutOfTime && error.isStarved;
    return { kind: isStarved ? "unavailable" : "failed", problem: `failed: ${problemOf(error)}` };
  }
}

function compile(expression: string): ReturnType<Sandbox["compile"]> {
  const known = compiled.get(expression);
  if (known !== undefined) return known;
  const evaluate = sandbox.compile(expression);
  const [oldest] = compiled.keys();
  if (compiled.size >= TRANSFORM_COMPILED_MAX && oldest !== undefined) compiled.delete(oldest);
  compiled.set(expression, evaluate);
  return evaluate;
}

function startOver(): void {
  sandbox = new Sandbox();
  compiled.clear();
}

/** The attributes of the event and what the result sets of them; its data only if the result has some. */
function merge(event: string, result: string | undefined): Answer {
  if (result === undefined) return failed("gives nothing: it must give an object of what it sets");
  if (result.length > TRANSFORM_BYTES_MAX) return failed(`gives more than ${TRANSFORM_BYTES_MAX} characters`);
  const sets: unknown = JSON.parse(result);
  if (!isObject(sets)) return failed("gives no object of what it sets, but another value");
  const { data: _data, data_base64: _base64, ...attributes } = JSON.parse(event) as Record<string, unknown>;
  const changed = IDENTITY.find((name) => Object.hasOwn(sets, name) && sets[name] !== attributes[name]);
  if (changed !== undefined) return failed(`sets ${changed}, which identifies the event and can't be changed`);
  const setsData = Object.hasOwn(sets, "data") || Object.hasOwn(sets, "data_base64");
  return { kind: "transformed", document: JSON.stringify({ ...attributes, ...sets }), setsData };
}

function failed(problem: string): Answer {
  return { kind: "failed", problem };
}
