// Public names of @dual-head/mini-world.
export {
  type BackboneName,
  type BackboneRecipe,
  configOf,
  recipes,
  settingsOf,
  shippedNames,
  worldSeed,
} from "./backbones/recipes.ts";
export { sharpenHeads, writeUnsharpened } from "./backbones/sharpening.ts";
export {
  hashOf,
  manifestName,
  shippedBackbone,
  shippedHeads,
  shippedWeights,
  WeightsError,
} from "./backbones/shipped.ts";
export { type TrainBackboneOptions, trainBackbone, writeTokenizer } from "./backbones/train-backbone.ts";
export { type ExportOptions, toHhRlhf, toMtBench, toPkuSafeRlhf, toPrompts, toTruthfulQa } from "./formats/export.ts";
export { bestAnswer, drawAnswer, type PlacedMove } from "./generate/answer.ts";
export { drawAnswerText, drawPrompt, drawTranscript, type Prompt, streamOf, wordsOf } from "./generate/dialogue.ts";
export {
  type AnswerPair,
  drawAnswerPair,
  drawPreference,
  type LabelledPair,
  preferenceSharpness,
} from "./generate/preferences.ts";
export { drawQuestion, questionIn } from "./generate/question.ts";
export type { Question } from "./grammar/question.ts";
export { type Intent, intents } from "./grammar/questions.ts";
export type { Place } from "./grammar/sentences.ts";
export type { FixedRole, Move, PhraseRole, SubjectRole, Unit } from "./grammar/unit.ts";
export type { Feature, FeatureCounts } from "./oracle/features.ts";
export { fluencyOf, judge, judgeAnswer, questionOf, type RewardName, type Verdict } from "./oracle/oracle.ts";
export type { QuestionKind } from "./oracle/scores.ts";
export { type Cell, cellsOf, isHeldOut, type Split, topicsOf } from "./split.ts";
export { topics } from "./topics/index.ts";
export type { Fact, Hazard, Task, Topic } from "./topics/topic.ts";
