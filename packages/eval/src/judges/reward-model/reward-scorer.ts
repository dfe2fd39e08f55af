// Scores by a reward model: texts tokenised as it was trained to see them, in batches of so many tokens. Knows no
// architecture, no tokenizer and no template.
import { type ScoreModel, textScores } from "@dual-head/backbone";
import { segmentsOf } from "@dual-head/tensor-core";
import type { Exchange } from "../judge.ts";
import { JudgeError } from "../judge-error.ts";
import type { Scorer } from "../score/score-judge.ts";

/** What a scorer is made of. */
export interface RewardScorerOptions<Params> {
  /** For messages. */
  readonly name: string;
  readonly model: ScoreModel<Params>;
  /** The whole text of conversation and answer as the model was trained to see it, as token ids. */
  readonly tokenise: (exchange: Exchange) => ArrayLike<number>;
  /** Which of the model's labels is the reward; default 0. */
  readonly label?: number | undefined;
  /** The most tokens of one batch, but for a text that is longer by itself; default 2048. */
  readonly tokensPerBatch?: number | undefined;
  /**
   * Told of each exchange that is longer than the model reads, and how many turns at the beginning of its conversation
   * were left out; without it such an exchange is an error. The last turn and the answer are never cut.
   */
  readonly onCut?: ((exchange: Exchange, turns: number) => void) | undefined;
}

/**
 * Makes a scorer of a reward model, such as `createScoreJudge` takes.
 *
 * @throws JudgeError ("bad-options") where the label is none of the model's or the batch has no room; the scorer throws
 * JudgeError ("too-long") for a text that does not fit or has no token, TokenError for ids the model does not know
 * @example
 * using model = await loadGpt2Classifier(folder, device);
 * const tokenizer = await loadTokenizer(folder);
 * const judge = createScoreJudge({
 *   name: "reward-model",
 *   identity: model.sha256,
 *   score: createRewardScorer({
 *     name: "reward-model",
 *     model,
 *     tokenise: ({ conversation, answer }) => tokenizer.encode(`${hhPrompt(conversation)} ${answer}`),
 *   }),
 * });
 */
export function createRewardScorer<Params>(options: RewardScorerOptions<Params>): Scorer {
  const { name, model, tokenise, label = 0, tokensPerBatch = 2048, onCut } = options;
  const labelCount = model.score.shape[0]!;
  const { maxTokens } = model.backbone.config;
  const refuse = (problem: string, remedy: string): never => {
    throw new JudgeError(name, "bad-options", `Cannot score by ${name}: ${problem}; ${remedy}`);
  };
  if (!Number.isSafeInteger(label) || label < 0 || label >= labelCount) {
    refuse(`label is ${label}`, `give one from 0 to ${labelCount - 1}, as the model has`);
  }
  if (!(tokensPerBatch >= 1)) refuse(`tokensPerBatch is ${tokensPerBatch}`, "give 1 or more");

  /** Token ids that fit the model. */
  function tokensOf(exchange: Exchange, index: number): ArrayLike<number> {
    const { conversation } = exchange;
    let tokens = tokenise(exchange);
    let cut = 0;
    while (tokens.length > maxTokens && onCut !== undefined && cut < conversation.length - 1) {
      // A conversation goes on from a turn of the human.
      do cut++;
      while (cut < conversation.length - 1 && conversation[cut]!.role !== "human");
      tokens = tokenise({ ...exchange, conversation: conversation.slice(cut) });
    }
    const fail = (problem: string, remedy: string): never => {
      throw new JudgeError(name, "too-long", `Cannot score answer ${index} by ${name}: ${problem}; ${remedy}`, index);
    };
    if (tokens.length === 0) fail("its text has no token", "tokenise must give at least one");
    if (tokens.length > maxTokens) {
      const remedy = onCut === undefined ? "give onCut to leave out earlier turns" : "leave it out";
      fail(`its text has ${tokens.length} tokens and the model reads ${maxTokens}`, remedy);
    }
    if (cut > 0) onCut?.(exchange, cut);
    return tokens;
  }

  async function scoreBatch(texts: readonly ArrayLike<number>[]): Promise<readonly number[]> {
    const segments = segmentsOf(texts.map(({ length }) => length));
    using scores = textScores(model, Uint32Array.from(texts.flatMap((text) => Array.from(text))), segments);
    const values = await scores.read();
    return texts.map((_, index) => values[index * labelCount + label]!);
  }

  return async (exchanges, signal) => {
    // Nothing is computed where one cannot be.
    const texts = exchanges.map(tokensOf);
    const scores: number[] = [];
    while (scores.length < texts.length) {
      signal?.throwIfAborted();
      const start = scores.length;
      let end = start + 1;
      let size = texts[start]!.length;
      while (end < texts.length && size + texts[end]!.length <= tokensPerBatch) size += texts[end++]!.length;
      scores.push(...(await scoreBatch(texts.slice(start, end))));
    }
    return scores;
  };
}
