// The generation loop: one mechanism for one request and for many, continuously batched over one policy.
// Chooses tokens and watches for the end; where distributions come from is the policy's matter.
import { createChooser } from "./choose.ts";
import type { DecodePolicy, Sequence, Step } from "./policy.ts";
import {
  checkRequest,
  type EndEvent,
  type EndReason,
  type GenerateEvent,
  type GenerateRequest,
  type Generator,
} from "./request.ts";
import { createStopMatcher } from "./stop-strings.ts";

/** One event of one request of a batch. */
export interface BatchEvent {
  /** The request's place in the list. */
  readonly index: number;
  readonly event: GenerateEvent;
}

/** How a batch is run. */
export interface BatchOptions {
  /** The most sequences open at once; the others wait and take the places that become free. No limit by default. */
  readonly concurrency?: number | undefined;
}

/** One request on its way: its sequence, what it still has to feed, and what it has said so far. */
interface Run {
  readonly index: number;
  readonly signal: AbortSignal | undefined;
  readonly sequence: Sequence;
  /** Tokens not yet fed to the policy. */
  pending: readonly number[];
  /** Chooses the token after this step; the second event, if any, is the end. */
  take(step: Step): Promise<readonly GenerateEvent[]>;
  /** The end event, with the text held back. */
  end(reason: EndReason): EndEvent;
}

const noTokens: ReadonlySet<number> = new Set();

function startRun(policy: DecodePolicy, request: GenerateRequest, index: number): Run {
  const { prompt, maxNewTokens, minNewTokens = 0, signal } = request;
  const choose = createChooser(request);
  const stopTokens = new Set(request.stopTokens);
  const matcher = createStopMatcher(request.stopStrings ?? []);
  const detokenizer = request.createDetokenizer?.();
  const seen = new Set(prompt);
  let newCount = 0;

  function end(reason: EndReason): EndEvent {
    // The detokeniser's rest may complete a stop string.
    const rest = matcher.push(detokenizer?.flush() ?? "");
    return { type: "end", reason: rest.stopped ? "stop-string" : reason, text: rest.text + matcher.flush() };
  }

  const run: Run = {
    index,
    signal,
    sequence: policy.open(request.controls),
    pending: prompt,
    end,
    async take(step) {
      const { token, logp } = await choose(step, seen, newCount < minNewTokens ? stopTokens : noTokens);
      const isStop = stopTokens.has(token);
      const { text, stopped } = matcher.push(isStop ? "" : (detokenizer?.push(token) ?? ""));
      const event = { type: "token", token, logp, alpha: step.alpha, text } as const;
      newCount++;
      seen.add(token);
      run.pending = [token];
      if (isStop) return [event, end("stop-token")];
      if (stopped) return [event, { type: "end", reason: "stop-string", text: "" }];
      if (newCount === maxNewTokens) return [event, end("length")];
      // The token just chosen has no room, so nothing can follow it.
      if (policy.length(run.sequence) >= policy.maxTokens) return [event, end("context")];
      return [event];
    },
  };
  return run;
}

/** The last turn taken on each policy: a step is valid only until the policy's next `advance`. */
const turns = new WeakMap<DecodePolicy, Promise<unknown>>();

/** Runs `body` when all earlier turns on this policy have ended, well or not, so that streams may run side by side. */
function inTurn<Out>(policy: DecodePolicy, body: () => Promise<Out>): Promise<Out> {
  const turn = (turns.get(policy) ?? Promise.resolve()).then(body);
  turns.set(
    policy,
    turn.catch(() => {}),
  );
  return turn;
}

async function* runBatch(
  policy: DecodePolicy,
  requests: readonly GenerateRequest[],
  concurrency: number,
): AsyncGenerator<BatchEvent, void, void> {
  const open = new Set<Run>();
  let nextIndex = 0;
  try {
    while (open.size > 0 || nextIndex < requests.length) {
      while (open.size < concurrency && nextIndex < requests.length) {
        open.add(startRun(policy, requests[nextIndex]!, nextIndex));
        nextIndex++;
      }
      // Events are collected before any is yielded: whoever breaks out finds every sequence either open or closed.
      const events: BatchEvent[] = [];
      const finish = (run: Run): void => {
        open.delete(run);
        policy.close(run.sequence);
      };
      for (const run of open) {
        if (!run.signal?.aborted) continue;
        events.push({ index: run.index, event: run.end("aborted") });
        finish(run);
      }
      const batch = [...open];
      if (batch.length > 0) {
        const taken = await inTurn(policy, async () => {
          const steps = await policy.advance(batch.map(({ sequence, pending }) => ({ sequence, tokens: pending })));
          return Promise.all(batch.map((run, place) => run.take(steps[place]!)));
        });
        batch.forEach((run, place) => {
          for (const event of taken[place]!) {
            events.push({ index: run.index, event });
            if (event.type === "end") finish(run);
          }
        });
      }
      yield* events;
    }
  } finally {
    for (const run of open) policy.close(run.sequence);
  }
}

/**
 * Runs many requests at once: every step feeds all open sequences to the policy in one `advance`, whatever their controls,
 * and yields what each said, in order of the list. Each request gives the events it would give alone. All sequences are closed at
 * the end, also after an error or when the consumer breaks out.
 *
 * @throws InvalidRequestError at once, before anything is computed
 * @throws RangeError where `concurrency` is not an integer of at least 1
 */
export function generateBatch(
  policy: DecodePolicy,
  requests: readonly GenerateRequest[],
  options: BatchOptions = {},
): AsyncIterable<BatchEvent> {
  const { concurrency = Infinity } = options;
  if (!(concurrency >= 1) || (concurrency !== Infinity && !Number.isInteger(concurrency))) {
    throw new RangeError(`Cannot generate: concurrency is ${concurrency}, give an integer of at least 1`);
  }
  for (const request of requests) checkRequest(policy, request);
  return runBatch(policy, requests, concurrency);
}

/**
 * The ordinary generator over a policy: one sequence a request. Several streams may be read side by side, then they take
 * turns; `generateBatch` serves many in one pass.
 */
export function sampled(policy: DecodePolicy): Generator {
  async function* only(events: AsyncIterable<BatchEvent>): AsyncGenerator<GenerateEvent, void, void> {
    for await (const { event } of events) yield event;
  }
  return { generate: (request) => only(generateBatch(policy, [request])) };
}
