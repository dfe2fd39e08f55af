// Generation driven by its consumer: one request, or many at once; each event that is asked for drives the steps of the
// engine. Where distributions come from is the policy's matter.
import { checkLimits, Engine, type EngineLimits } from "./engine.ts";
import type { Cost, DecodePolicy } from "./policy.ts";
import { checkRequest, type GenerateEvent, type GenerateRequest, type Generator } from "./request.ts";

/** One event of one request of a batch. */
export interface BatchEvent {
  /** The request's place in the list. */
  readonly index: number;
  readonly event: GenerateEvent;
}

/** How a batch is run. */
export interface BatchOptions extends EngineLimits {}

/** A generator that serves many requests at once and counts what it spends. */
export interface BatchGenerator extends Generator {
  /**
   * Runs many requests side by side; each gives the events it would give alone, in order of its own.
   *
   * @throws InvalidRequestError at once, before anything is computed
   */
  generateBatch(requests: readonly GenerateRequest[], options?: BatchOptions): AsyncIterable<BatchEvent>;
  /** Spent so far. */
  readonly cost: Cost;
}

async function* runBatch(
  policy: DecodePolicy,
  requests: readonly GenerateRequest[],
  limits: EngineLimits,
): AsyncGenerator<BatchEvent, void, void> {
  const engine = new Engine(policy, limits);
  try {
    const indexOf = new Map(requests.map((request, index) => [engine.add(request), index]));
    while (engine.openCount + engine.waitingCount > 0) {
      const events: BatchEvent[] = [];
      let failure: { readonly cause: unknown } | null = null;
      // Events are collected before any is yielded: whoever breaks out finds every sequence either open or closed.
      for (const { run, events: own, error } of await engine.step(() => true)) {
        failure ??= error;
        for (const event of own ?? []) events.push({ index: indexOf.get(run)!, event });
      }
      yield* events;
      if (failure !== null) throw failure.cause;
    }
  } finally {
    engine.close();
  }
}

/**
 * Runs many requests at once: every step feeds all open sequences to the policy in one `advance`, whatever their controls,
 * and yields what each said, in order of the list. Each request gives the events it would give alone. All sequences are
 * closed at the end, also after an error, which ends the batch, or when the consumer breaks out; requests that come and
 * go on their own are a scheduler's matter.
 *
 * @throws InvalidRequestError at once, before anything is computed
 * @throws RangeError where a limit is not an integer of at least 1
 */
export function generateBatch(
  policy: DecodePolicy,
  requests: readonly GenerateRequest[],
  options: BatchOptions = {},
): AsyncIterable<BatchEvent> {
  checkLimits("generate", options);
  for (const request of requests) checkRequest(policy, request);
  return runBatch(policy, requests, options);
}

/** The events of a batch of one request. */
export async function* onlyEvents(events: AsyncIterable<BatchEvent>): AsyncGenerator<GenerateEvent, void, void> {
  for await (const { event } of events) yield event;
}

/**
 * The ordinary generator over a policy: one sequence a request. Several streams may be read side by side, then they take
 * turns; `createScheduler` serves them in one pass.
 */
export function sampled(policy: DecodePolicy): BatchGenerator {
  return {
    generate: (request) => onlyEvents(generateBatch(policy, [request])),
    generateBatch: (requests, options) => generateBatch(policy, requests, options),
    get cost() {
      return policy.cost;
    },
  };
}
