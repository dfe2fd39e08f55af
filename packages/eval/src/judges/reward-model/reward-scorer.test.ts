// Reward models as judges: laws, published scores of a classifier by label, batches of any size, and texts too long.
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ScoreModel, TokenError, textScores } from "@dual-head/backbone";
import { loadGpt2Classifier } from "@dual-head/backbone-gpt2";
import type { LlamaParams } from "@dual-head/backbone-llama";
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { sharedAsset } from "@dual-head/repo-tools";
import { createRandom, segmentsOf } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { judgeLaws } from "../../testing/index.ts";
import type { Exchange } from "../judge.ts";
import { createScoreJudge } from "../score/score-judge.ts";
import { hhPrompt } from "./hh-prompt.ts";
import { createRewardScorer } from "./reward-scorer.ts";

let model: ScoreModel<LlamaParams>;
let calls: number[] = [];
let dispose = () => {};
beforeAll(async () => {
  const device = await sharedDevice("reference");
  const tiny = tinyLlama(device, 3);
  const { hiddenSize } = tiny.config;
  const random = createRandom(4, "score");
  const values = Float64Array.from({ length: 3 * hiddenSize }, () => random.normal());
  const score = device.keep(device.tensor(values, [3, hiddenSize]));
  const { backbone } = tiny;
  const counting = {
    ...backbone,
    config: backbone.config,
    hidden: (...given: Parameters<typeof backbone.hidden>) => {
      calls.push(given[1].length);
      return backbone.hidden(...given);
    },
  };
  model = { backbone: counting, params: tiny.params, score, padTokenId: null };
  dispose = () => {
    tiny[Symbol.dispose]();
    score.dispose();
  };
});
afterAll(() => dispose());

/** A token a letter, of 23; `maxTokens` of the model is 31. */
const tokenise = ({ conversation, answer }: Exchange) =>
  Uint32Array.from(
    `${conversation.map(({ content }) => content).join("")}|${answer}`,
    (letter) => letter.charCodeAt(0) % 23,
  );
const human = (content: string) => ({ role: "human" as const, content });
const assistant = (content: string) => ({ role: "assistant" as const, content });
const words = fc.stringMatching(/^[a-z]{0,9}$/);
const exchanges = fc.tuple(words, words).map(([question, answer]) => ({ conversation: [human(question)], answer }));
const comparisons = fc
  .tuple(words, words, words)
  .map(([question, first, second]) => ({ conversation: [human(question)], first, second }));

judgeLaws(
  "a reward model",
  // Batches differ in the last bits, which a tie must not depend on.
  () => createScoreJudge({ name: "tiny", score: rounded(createRewardScorer({ name: "tiny", model, tokenise })) }),
  { isSymmetric: true, comparisons, exchanges, runs: 5 },
);

function rounded(score: ReturnType<typeof createRewardScorer>): ReturnType<typeof createRewardScorer> {
  return async (...given) => Float32Array.from(await score(...given));
}

describe("createRewardScorer()", () => {
  it("gives each text its score in whatever batches, of the label that is asked for", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(exchanges, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(2),
        async (given, tokensPerBatch, label) => {
          const alone = createRewardScorer({ name: "tiny", model, tokenise, label, tokensPerBatch: 1 });
          const together = createRewardScorer({ name: "tiny", model, tokenise, label, tokensPerBatch });
          calls = [];
          const expected = await alone(given);
          expect(calls).toEqual(given.map((each) => tokenise(each).length));
          calls = [];
          const scores = await together(given);
          for (const [index, score] of Array.from(scores).entries()) expect(score).toBeCloseTo(expected[index]!, 10);
          expect(calls.reduce((sum, size) => sum + size, 0)).toBe(
            given.reduce((sum, each) => sum + tokenise(each).length, 0),
          );
          const longest = Math.max(...given.map((each) => tokenise(each).length));
          expect(Math.max(...calls)).toBeLessThanOrEqual(Math.max(longest, tokensPerBatch));
        },
      ),
      { seed: 81, numRuns: 12 },
    ));

  it("reads the label that is asked for", async () => {
    const given = ["a", "bc"].map((answer) => ({ conversation: [human("q")], answer }));
    const texts = given.map(tokenise);
    const tokens = Uint32Array.from(texts.flatMap((text) => [...text]));
    using rows = textScores(model, tokens, segmentsOf(texts.map(({ length }) => length)));
    const values = await rows.read();
    for (const label of [0, 1, 2]) {
      const scores = await createRewardScorer({ name: "tiny", model, tokenise, label })(given);
      expect(Array.from(scores)).toEqual([values[label], values[3 + label]]);
    }
  });

  const long = {
    conversation: [human("a".repeat(20)), assistant("b".repeat(9)), human("c".repeat(9)), assistant("d"), human("e")],
    answer: "f",
  };

  it("leaves out turns from the beginning where it may, down to the last", async () => {
    const cuts: number[] = [];
    const score = createRewardScorer({ name: "tiny", model, tokenise, onCut: (_, turns) => void cuts.push(turns) });
    const shorter = { ...long, conversation: long.conversation.slice(2) };
    expect(await score([long])).toEqual(await score([shorter]));
    expect(cuts).toEqual([2]);
    const tooLong = { ...long, answer: "f".repeat(40) };
    await expect(score([shorter, tooLong])).rejects.toMatchObject({
      fault: "too-long",
      index: 1,
      message: "Cannot score answer 1 by tiny: its text has 42 tokens and the model reads 31; leave it out",
    });
  });

  it("refuses what it cannot score, before it computes", async () => {
    calls = [];
    const scorer = (options = {}) => createRewardScorer({ name: "tiny", model, tokenise, ...options });
    await expect(scorer()([long])).rejects.toThrow(/has 42 tokens and the model reads 31; give onCut/);
    await expect(scorer({ tokenise: () => [] })([long])).rejects.toThrow(/its text has no token/);
    await expect(scorer({ tokenise: () => [23] })([long])).rejects.toBeInstanceOf(TokenError);
    await expect(scorer()([], AbortSignal.abort(new Error("enough")))).resolves.toEqual([]);
    expect(() => scorer({ label: 3 })).toThrow(
      "Cannot score by tiny: label is 3; give one from 0 to 2, as the model has",
    );
    expect(() => scorer({ tokensPerBatch: 0 })).toThrow(/tokensPerBatch is 0/);
    expect(calls.filter((size) => size > 1)).toEqual([]);
  });
});

describe("hhPrompt()", () => {
  it("writes transcripts, and refuses what they have no place for", () => {
    const system = { role: "system" as const, content: "Be kind." };
    expect(hhPrompt([system, human("Hi"), assistant("Hello"), human("Bye")])).toBe(
      "\n\nHuman: Be kind.\n\nHi\n\nAssistant: Hello\n\nHuman: Bye\n\nAssistant:",
    );
    expect(() => hhPrompt([human("Hi"), assistant("Hello")])).toThrow(/does not end with the human/);
    expect(() => hhPrompt([{ role: "other", content: "x" }])).toThrow(/strange role/);
  });
});

const parity = sharedAsset("hf_parity");

describe.skipIf(parity === null)("a published classifier", () => {
  it("judges by the published scores of its labels", async () => {
    const folder = await mkdtemp(join(tmpdir(), "dual-head-reward-"));
    await copyFile(join(parity!, "tiny_gpt2_seqcls_config.json"), join(folder, "config.json"));
    await copyFile(join(parity!, "tiny_gpt2_seqcls.safetensors"), join(folder, "model.safetensors"));
    const { sequences, logits } = JSON.parse(await readFile(join(parity!, "tiny_gpt2_seqcls_logits.json"), "utf8"));
    using classifier = await loadGpt2Classifier(folder, await sharedDevice("reference"));
    await rm(folder, { recursive: true });
    const given: readonly Exchange[] = sequences.map((_: unknown, index: number) => ({
      conversation: [human("?")],
      answer: String(index),
    }));
    for (const label of logits[0].keys()) {
      const score = createRewardScorer({
        name: "published",
        model: classifier,
        label,
        tokenise: ({ answer }) => sequences[Number(answer)],
      });
      const scores = await score(given);
      for (const [index, row] of logits.entries()) expect(scores[index]).toBeCloseTo(row[label], 11);
    }
  });
});
