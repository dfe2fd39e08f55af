// From a prompt and its responses to token ids, so that the prompt is what generation will see and the response what it
// will have to produce. Knows no data format and no length limit.
import type { Tokenizer } from "@dual-head/tokenizer";

/** What tokenising examples needs of a tokenizer. */
export type ExampleTokenizer = Pick<Tokenizer, "encode" | "eosTokens" | "sha256">;

/** Ids of a prompt and of its responses. */
export interface TokenisedExample {
  readonly prompt: Uint32Array;
  /** Chosen and rejected of a pair, or the one response of a supervised example; each ends with the end token. */
  readonly responses: readonly Uint32Array[];
}

/**
 * Tokenises a prompt and the responses that follow it directly.
 *
 * The prompt begins as the tokenizer begins a text (BOS where it adds one). The first end-of-text token is appended to
 * each response, so that heads learn when to stop. Prompt and response are encoded together, since a response by
 * itself would be cut differently at its first space; where a token spans both, the prompt ends before it, for all
 * responses alike. Control tokens written in the text stay text.
 *
 * @throws TokenizerError where encoding fails
 */
export function tokeniseExample(
  tokenizer: ExampleTokenizer,
  prompt: string,
  responses: readonly string[],
): TokenisedExample {
  const promptIds = tokenizer.encode(prompt);
  const whole = responses.map((response) => tokenizer.encode(prompt + response));
  const shared = Math.min(...whole.map((ids) => sharedLength(ids, promptIds)));
  return {
    prompt: promptIds.slice(0, shared),
    responses: whole.map((ids) => endResponse(tokenizer, ids.subarray(shared))),
  };
}

function sharedLength(a: Uint32Array, b: Uint32Array): number {
  const limit = Math.min(a.length, b.length);
  for (let index = 0; index < limit; index++) if (a[index] !== b[index]) return index;
  return limit;
}

/** The response with one end token, which a tokenizer may have added itself. */
function endResponse({ eosTokens }: ExampleTokenizer, ids: Uint32Array): Uint32Array {
  const [end] = eosTokens;
  const ends = ids.length > 0 && eosTokens.includes(ids.at(-1)!);
  return end === undefined || ends ? ids.slice() : Uint32Array.from([...ids, end]);
}
