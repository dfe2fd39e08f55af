// Public names of @dual-head/data.
export { type AlpacaEvalAnnotation, type AlpacaEvalOutput, readAlpacaEval } from "./alpaca-eval/read-alpaca-eval.ts";
export { DataError } from "./data-error.ts";
export { type HeldOutSplit, openingOf, splitHeldOut } from "./held-out.ts";
export { type Message, renderPrompt } from "./messages.ts";
export { type MtBenchAnswer, readMtBenchAnswers } from "./mt-bench/answer.ts";
export { type MtBenchJudgePrompt, readMtBenchJudgePrompts } from "./mt-bench/judge-prompt.ts";
export { type MtBenchJudgment, readMtBenchJudgments } from "./mt-bench/judgment.ts";
export { type MtBenchQuestion, readMtBenchQuestions } from "./mt-bench/question.ts";
export type { PreferenceLabel, PromptTemplate } from "./pku-saferlhf/read-row.ts";
export {
  type DropCounts,
  type DropReason,
  type PreferencePair,
  type SftExample,
  splitTurns,
} from "./preference-pair.ts";
export {
  type PreferenceFormat,
  type PreferenceOptions,
  type Preferences,
  readPreferences,
  readSft,
  type SftData,
} from "./read-data.ts";
export { readTruthfulQa, type TruthfulQaQuestion } from "./truthful-qa/read-truthful-qa.ts";
