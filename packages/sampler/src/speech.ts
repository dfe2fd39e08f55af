// What a request says as tokens are chosen for it: text piece by piece, held back while it may be a stop string, and the end
// that a token or a text brings. Knows not how tokens are chosen.
import type { EndEvent, EndReason, GenerateEvent, GenerateRequest, TokenEvent } from "./request.ts";
import { createStopMatcher } from "./stop-strings.ts";

/** The events of one request. */
export interface Speech {
  /** The event of a chosen token, and the end where it is a stop token or completes a stop string. */
  say(chosen: Pick<TokenEvent, "token" | "logp" | "alpha">): readonly GenerateEvent[];
  /** An end for another reason, with the text held back. */
  end(reason: EndReason): EndEvent;
}

/** Begins the events of a request that has been checked. */
export function createSpeech(request: GenerateRequest): Speech {
  const stopTokens = new Set(request.stopTokens);
  const matcher = createStopMatcher(request.stopStrings ?? []);
  const detokenizer = request.createDetokenizer?.();
  const end = (reason: EndReason): EndEvent => {
    // The detokeniser's rest may complete a stop string.
    const rest = matcher.push(detokenizer?.flush() ?? "");
    return { type: "end", reason: rest.stopped ? "stop-string" : reason, text: rest.text + matcher.flush() };
  };
  return {
    end,
    say({ token, logp, alpha }) {
      const isStop = stopTokens.has(token);
      const { text, stopped } = matcher.push(isStop ? "" : (detokenizer?.push(token) ?? ""));
      const event = { type: "token", token, logp, alpha, text } as const;
      if (isStop) return [event, end("stop-token")];
      return stopped ? [event, { type: "end", reason: "stop-string", text: "" }] : [event];
    },
  };
}
