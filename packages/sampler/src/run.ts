// One request on its way: what it still has to feed, how its tokens are chosen, what it has said, and when it ends.
// Knows no other request.
import { createChooser } from "./choose.ts";
import type { DecodePolicy, Sequence, Step } from "./policy.ts";
import type { EndEvent, EndReason, GenerateEvent, GenerateRequest } from "./request.ts";
import { createSpeech } from "./speech.ts";

/** A request with its state. */
export interface Run {
  readonly request: GenerateRequest;
  /** Open while the request runs. */
  sequence: Sequence | null;
  /** Tokens not yet fed to the policy: the rest of the prompt, or the token just chosen. */
  pending: readonly number[];
  /** Whether the prompt has been fed. */
  isDecoding: boolean;
  /** Chooses the token after this step; the second event, if any, is the end. */
  take(step: Step): Promise<readonly GenerateEvent[]>;
  /** The end event, with the text held back. */
  end(reason: EndReason): EndEvent;
}

const noTokens: ReadonlySet<number> = new Set();

/** Begins a request that has been checked; nothing is opened yet. */
export function createRun(policy: DecodePolicy, request: GenerateRequest): Run {
  const { prompt, maxNewTokens, minNewTokens = 0 } = request;
  const choose = createChooser(request);
  const stopTokens = new Set(request.stopTokens);
  const speech = createSpeech(request);
  const seen = new Set(prompt);
  let newCount = 0;

  const run: Run = {
    request,
    sequence: null,
    pending: prompt,
    isDecoding: false,
    end: speech.end,
    async take(step) {
      const { token, logp } = await choose(step, seen, newCount < minNewTokens ? stopTokens : noTokens);
      const events = speech.say({ token, logp, alpha: step.alpha });
      newCount++;
      seen.add(token);
      run.pending = [token];
      run.isDecoding = true;
      if (events.at(-1)?.type === "end") return events;
      if (newCount === maxNewTokens) return [...events, speech.end("length")];
      // The token just chosen has no room, so nothing can follow it.
      if (run.sequence === null || policy.length(run.sequence) >= policy.maxTokens) {
        return [...events, speech.end("context")];
      }
      return events;
    },
  };
  return run;
}
