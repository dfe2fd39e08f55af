// A run small enough to repeat many times: letters as tokens, a preference for one letter, a tiny random backbone.
import type { Backbone } from "@dual-head/backbone";
import type { PreferencePair } from "@dual-head/data";
import { createRandom, type Device } from "@dual-head/tensor-core";
import type { TrainEvent, TrainingSummary } from "../events.ts";
import type { ExampleTokenizer } from "../tokenise.ts";
import { type TrainOptions, train } from "../train.ts";

/** A tokenizer of single characters: BOS is 1, EOS is 2, a letter is 3 to `vocabSize` − 1. */
export function letterTokenizer(vocabSize: number = 23): ExampleTokenizer {
  return {
    eosTokens: [2],
    sha256: "a".repeat(64),
    encode: (text, { addSpecialTokens = true } = {}) =>
      Uint32Array.from([
        ...(addSpecialTokens ? [1] : []),
        ...[...text].map((character) => 3 + (character.codePointAt(0)! % (vocabSize - 3))),
      ]),
  };
}

/** Pairs whose chosen response has the letter `z`, the rejected one `q`, in as many conversations as pairs. */
export function letterPairs(count: number, seed: number): PreferencePair[] {
  const random = createRandom(seed, "letter pairs");
  const letters = (length: number) => Array.from({ length }, () => "abcdef"[random.integer(6)]).join("");
  return Array.from({ length: count }, (_, index) => {
    const [body, start] = [letters(random.integer(3)), letters(2)];
    return { prompt: [`${index}${start}`, letters(2)], chosen: `${body}zz`, rejected: `q${body}q` };
  });
}

/** Options of a tiny run; `backbone` and `params` come from the caller. */
export function tinyRunOptions<Params>(
  device: Device,
  model: { readonly backbone: Backbone<Params>; readonly params: Params },
  folder: string,
): TrainOptions<Params> {
  return {
    device,
    ...model,
    backboneSha256: "b".repeat(64),
    tokenizer: letterTokenizer(model.backbone.config.vocabSize),
    pairs: letterPairs(23, 5),
    folder,
    gate: {
      kind: "attention",
      hiddenSize: model.backbone.config.hiddenSize,
      width: 6,
      headCount: 3,
      initialAlpha: 0.5,
    },
    settings: { batchSize: 5, epochs: 2, learningRate: 0.02, heldOut: 0.25, microBatchTokens: 40, seed: 7 },
    checkpointInterval: 3,
  };
}

/** Runs to the end; the events and the summary. */
export async function runToEnd<Params>(
  options: TrainOptions<Params>,
): Promise<{ readonly events: readonly TrainEvent[]; readonly summary: TrainingSummary }> {
  const events: TrainEvent[] = [];
  for await (const event of train(options)) events.push(event);
  const last = events.at(-1);
  if (last?.kind !== "end") throw new Error("a run ended without a summary");
  return { events, summary: last.summary };
}
