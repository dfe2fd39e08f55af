// What a model answers to many prompts at once, with α per token. Knows no world and no score.
import { type Controls, type DecodePolicy, generateBatch } from "@dual-head/sampler";
import { type Io, responsive } from "../io.ts";
import { continuation, type OpenModel, stopTokensOf } from "../model.ts";

/** A piece of text and how much of it is the reward heads' (null without a gate). */
export interface Piece {
  readonly text: string;
  readonly alpha: number | null;
}

/** An answer to a prompt. */
export interface Answer {
  readonly text: string;
  readonly pieces: readonly Piece[];
}

/** A prompt with its knobs. */
export interface AnswerRequest {
  readonly prompt: string;
  readonly controls: Controls;
  /** Equal seeds draw equal numbers, so that answers to one prompt can be compared. */
  readonly seed: number;
}

/** Options of answerAll. */
export interface AnswerOptions {
  readonly temperature?: number;
  readonly maxNewTokens?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

const slotLimit = 48;

/** Answers in the order of the requests, at temperature 1 unless told otherwise; an answer ends where the next turn begins. */
export async function answerAll(
  model: OpenModel,
  requests: readonly AnswerRequest[],
  io: Io,
  options: AnswerOptions = {},
): Promise<readonly Answer[]> {
  const { temperature = 1, maxNewTokens = 120, onProgress } = options;
  const prompts = requests.map(({ prompt }) => [...model.tokenizer!.encode(prompt)]);
  const slotCount = Math.min(requests.length, slotLimit);
  const longest = Math.max(...prompts.map(({ length }) => length + maxNewTokens));
  const policy: DecodePolicy = model.createPolicy(longest, slotCount);
  const stopTokens = stopTokensOf(model);
  const pieces: Piece[][] = requests.map(() => []);
  let done = 0;
  const events = generateBatch(
    policy,
    requests.map(({ controls, seed }, index) => ({
      prompt: prompts[index]!,
      controls,
      maxNewTokens,
      temperature,
      seed,
      stopTokens,
      stopStrings: ["\n\nHuman:"],
      createDetokenizer: continuation(model.tokenizer, prompts[index]!),
      signal: io.signal,
    })),
    { concurrency: slotCount },
  );
  for await (const { index, event } of responsive(events)) {
    if (event.text !== "")
      pieces[index]!.push({ text: event.text, alpha: event.type === "token" ? event.alpha : null });
    if (event.type === "end") onProgress?.(++done, requests.length);
  }
  io.signal.throwIfAborted();
  return pieces.map((own) => ({ text: own.map(({ text }) => text).join(""), pieces: own }));
}

/** Answers of every arm to every prompt, prompt for prompt with the same random numbers, all in one batch. */
export async function answerArms(
  model: OpenModel,
  prompts: readonly string[],
  arms: readonly Controls[],
  seed: number,
  io: Io,
  options: AnswerOptions = {},
): Promise<readonly (readonly Answer[])[]> {
  const requests = arms.flatMap((controls) =>
    prompts.map((prompt, index) => ({ prompt, controls, seed: seed + index })),
  );
  const answers = await answerAll(model, requests, io, options);
  return arms.map((_, arm) => answers.slice(arm * prompts.length, (arm + 1) * prompts.length));
}
