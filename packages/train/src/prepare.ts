// From preference pairs and supervised examples to token ids that fit, with a held-out part and a count of what was
// dropped and why. Knows no features and no training step.
import { memorySource, sha256 } from "@dual-head/bytes";
import { openingOf, type PreferencePair, type SftExample, splitHeldOut } from "@dual-head/data";
import { TrainingError } from "./errors.ts";
import { type ExampleTokenizer, type TokenisedExample, tokeniseExample } from "./tokenise.ts";

/** Why an example was dropped here; readers of data count their own reasons. */
export type DropReason =
  | "empty-response"
  | "equal-responses"
  | "empty-prompt"
  | "response-too-long"
  | "turn-too-long"
  | "prompt-held-out";

/** Examples as token ids. `pairs` have two responses, chosen and rejected; `heldOut` are pairs never trained on. */
export interface PreparedData {
  readonly pairs: readonly TokenisedExample[];
  readonly heldOut: readonly TokenisedExample[];
  /** Supervised examples of a file of their own, or null where the chosen responses serve. */
  readonly supervised: readonly TokenisedExample[] | null;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** Examples whose prompt was cut from the left, at a turn. */
  readonly cutCount: number;
  /** SHA-256 over all token ids and the split. */
  readonly sha256: string;
}

/** Options of `prepareData`. */
export interface PrepareOptions {
  /** The most positions a sequence may use. */
  readonly maxTokens: number;
  /** Share of the pairs to hold out, in [0, 1). */
  readonly heldOut: number;
  readonly seed: number;
}

/** More pairs than this narrow the interval no further than anyone cares. */
const heldOutLimit = 2000;

/**
 * Splits by conversation, tokenises, cuts and drops.
 *
 * A prompt that does not fit loses its oldest turns, never a part of one, until it fits beside the longer response.
 * Responses are never cut: where one does not fit by itself, or not with the last turn alone, the example is dropped
 * and counted. Supervised examples that open like a held-out pair are dropped too.
 *
 * @throws TrainingError where nothing is left to train on
 */
export async function prepareData(
  tokenizer: ExampleTokenizer,
  pairs: readonly PreferencePair[],
  supervised: readonly SftExample[] | null,
  { maxTokens, heldOut, seed }: PrepareOptions,
): Promise<PreparedData> {
  const dropped: Partial<Record<DropReason, number>> = {};
  let cutCount = 0;
  const fit = (prompt: readonly string[], responses: readonly string[]): readonly TokenisedExample[] => {
    const fitted = fitExample(tokenizer, prompt, responses, maxTokens);
    if (typeof fitted === "string") {
      dropped[fitted] = (dropped[fitted] ?? 0) + 1;
      return [];
    }
    if (fitted.wasCut) cutCount++;
    return [fitted.example];
  };
  const split = splitHeldOut(pairs, Math.min(heldOut, heldOutLimit / Math.max(1, pairs.length)), seed);
  const heldOutOpenings = new Set(split.heldOut.map(openingOf));
  const fitPair = ({ prompt, chosen, rejected }: PreferencePair) => fit(prompt, [chosen, rejected]);
  const data = {
    pairs: split.train.flatMap(fitPair),
    heldOut: split.heldOut.flatMap(fitPair),
    supervised:
      supervised?.flatMap((example) => {
        if (!heldOutOpenings.has(openingOf(example))) return fit(example.prompt, [example.response]);
        dropped["prompt-held-out"] = (dropped["prompt-held-out"] ?? 0) + 1;
        return [];
      }) ?? null,
  };
  const counts = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`);
  const detail = counts.length === 0 ? "none were given" : `dropped: ${counts.join(", ")}`;
  const refuse = (what: string, remedy: string) => {
    throw new TrainingError("empty-data", `Cannot train: no ${what} is left (${detail}); ${remedy}`);
  };
  if (data.pairs.length === 0) refuse("preference pair", "give more or shorter ones");
  if (data.supervised?.length === 0) refuse("supervised example", "leave them out or give others");
  return {
    ...data,
    dropped,
    cutCount,
    sha256: await hashExamples([data.pairs, data.heldOut, data.supervised ?? []]),
  };
}

/** An example whose prompt is cut until it fits; a reason where it cannot. */
function fitExample(
  tokenizer: ExampleTokenizer,
  turns: readonly string[],
  responses: readonly string[],
  maxTokens: number,
): { readonly example: TokenisedExample; readonly wasCut: boolean } | DropReason {
  if (responses.some((response) => response.trim() === "")) return "empty-response";
  if (new Set(responses).size < responses.length) return "equal-responses";
  for (let start = 0; start < Math.max(1, turns.length); start++) {
    const example = tokeniseExample(tokenizer, turns.slice(start).join(""), responses);
    if (example.prompt.length === 0) return "empty-prompt";
    // Text that a tokenizer drops leaves nothing to learn where it has no end token either.
    if (example.responses.some((response) => response.length === 0)) return "empty-response";
    const longest = Math.max(...example.responses.map((response) => response.length));
    // The last token of a response is predicted and never read: it needs no position.
    if (example.prompt.length + longest - 1 <= maxTokens) return { example, wasCut: start > 0 };
    // One position at least is the prompt's.
    if (longest > maxTokens) return "response-too-long";
  }
  return "turn-too-long";
}

/** SHA-256 over lists of examples: their ids with every length in front. */
export async function hashExamples(lists: readonly (readonly TokenisedExample[])[]): Promise<string> {
  const parts = lists.flatMap((examples) => [
    Uint32Array.of(examples.length),
    ...examples.flatMap(({ prompt, responses }) => [
      Uint32Array.of(prompt.length, responses.length),
      prompt,
      ...responses.flatMap((response) => [Uint32Array.of(response.length), response]),
    ]),
  ]);
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const ids = new Uint32Array(size);
  let at = 0;
  for (const part of parts) {
    ids.set(part, at);
    at += part.length;
  }
  return sha256(memorySource(new Uint8Array(ids.buffer), "token ids"));
}
