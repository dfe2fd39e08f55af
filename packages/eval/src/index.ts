// Public names of @dual-head/eval.
export { type Coherence, coherenceOf, cosineOf, type PromptResponse } from "./coherence/coherence.ts";
export type { Embedder } from "./coherence/embedder.ts";
export { createHiddenStateEmbedder, type HiddenStateEmbedderOptions } from "./coherence/hidden-state-embedder.ts";
export { openTransformersEmbedder, type TransformersEmbedderOptions } from "./coherence/transformers-embedder.ts";
export { type Diversity, diversityOf } from "./diversity/diversity.ts";
export { bestOfNKlBound } from "./frontier/best-of-n.ts";
export {
  compareAtKl,
  type FrontierComparison,
  type FrontierMeans,
  type FrontierPoint,
  frontierOf,
  rewardAtKl,
  sharedKlRange,
} from "./frontier/frontier.ts";
export { logProbabilitiesOf, sampledKl, sequenceKl, tokenKl } from "./frontier/kl.ts";
export { type DrawnResponse, type PolicyKlOptions, policyKl, type ResponseKl } from "./frontier/policy-kl.ts";
export {
  type BootstrapEstimate,
  type BootstrapOptions,
  bootstrap,
  bootstrapDifference,
  bootstrapMean,
} from "./intervals/bootstrap.ts";
export { type CrossedMeanEstimate, crossedMean } from "./intervals/crossed-mean.ts";
export type { Interval } from "./intervals/interval.ts";
export { type MeanEstimate, meanInterval } from "./intervals/mean.ts";
export {
  comparePaired,
  type McNemarTest,
  mcNemarTest,
  type PairedComparison,
  type PermutationOptions,
  permutationTest,
  signTest,
} from "./intervals/paired.ts";
export { type ShareEstimate, shareInterval } from "./intervals/share.ts";
export { type CachedJudge, openCachedJudge } from "./judges/cache/cached-judge.ts";
export type { JudgeRecord, SaidRecord } from "./judges/cache/record.ts";
export {
  openVerdicts,
  readVerdicts,
  type StoredVerdicts,
  type VerdictFile,
  verdictFileName,
} from "./judges/cache/verdict-file.ts";
export type { Clock } from "./judges/endpoint/clock.ts";
export {
  type ChatOptions,
  type ChatRequest,
  createEndpoint,
  type Endpoint,
} from "./judges/endpoint/endpoint.ts";
export { EndpointError, type EndpointFacts, type EndpointFault } from "./judges/endpoint/endpoint-error.ts";
export { createEndpointJudge, defaultTemplates, type EndpointJudgeOptions } from "./judges/endpoint/endpoint-judge.ts";
export type { RateLimits } from "./judges/endpoint/rate-limit.ts";
export type { Completion, TokenLogprob } from "./judges/endpoint/response.ts";
export { defaultRetry, type RetryPolicy } from "./judges/endpoint/retry.ts";
export type { EndpointOptions } from "./judges/endpoint/settings.ts";
export type { Spending, TokenPrice, TokenUsage } from "./judges/endpoint/spending.ts";
export { gradeTemplate } from "./judges/endpoint/templates/grade.ts";
export { gradeReferenceTemplate } from "./judges/endpoint/templates/grade-reference.ts";
export { mtBenchTemplates } from "./judges/endpoint/templates/mt-bench.ts";
export { oneTokenTemplate } from "./judges/endpoint/templates/one-token.ts";
export { pairwiseTemplate } from "./judges/endpoint/templates/pairwise.ts";
export { pairwiseReferenceTemplate } from "./judges/endpoint/templates/pairwise-reference.ts";
export {
  checkTemplate,
  type JudgeTemplate,
  type PairwiseTemplate,
  type SingleTemplate,
} from "./judges/endpoint/templates/template.ts";
export { twoScoresTemplate } from "./judges/endpoint/templates/two-scores.ts";
export { type GradeForm, readGrade, readVerdict, type VerdictForm } from "./judges/endpoint/verdicts/form.ts";
export { parseLetters } from "./judges/endpoint/verdicts/letters.ts";
export { parseOneToken, preferenceOf, type TokenNames } from "./judges/endpoint/verdicts/one-token.ts";
export { parseRating, type Scale } from "./judges/endpoint/verdicts/rating.ts";
export { parseTwoScores } from "./judges/endpoint/verdicts/two-scores.ts";
export {
  type Comparison,
  type Exchange,
  exchangesOf,
  type Grade,
  type Judge,
  type JudgeOptions,
  type Verdict,
} from "./judges/judge.ts";
export { JudgeError, type JudgeFault } from "./judges/judge-error.ts";
export { comparisonKey, exchangeKey, judgeKey } from "./judges/key.ts";
export { MissingVerdictError, readRecordedJudge } from "./judges/recorded/recorded-judge.ts";
export { hhPrompt } from "./judges/reward-model/hh-prompt.ts";
export { createRewardScorer, type RewardScorerOptions } from "./judges/reward-model/reward-scorer.ts";
export { createScoreJudge, type ScoreJudgeOptions, type Scorer } from "./judges/score/score-judge.ts";
export {
  type BothVerdicts,
  exchangeSides,
  exchangeVerdict,
  preferBothOrders,
  withRandomSides,
} from "./judges/swap/swap.ts";
export {
  type LengthControlCoefficients,
  type LengthControlledWinRate,
  type LengthControlOptions,
  lengthControlledWinRate,
  rateAtEqualLengths,
} from "./length-control/length-control.ts";
export { type Preference, type PreferenceWinRate, preferenceWinRate } from "./length-control/preference.ts";
export { MetricError, type MetricFault } from "./metric-error.ts";
export { type MtBenchMean, type MtBenchScore, mtBenchScore, type TurnGrade } from "./mt-bench/score.ts";
export { mtBenchNeedsReference, mtBenchTemperature } from "./mt-bench/settings.ts";
export { choiceLogps, type TokenChoices, tokenChoices } from "./multiple-choice/choice-logps.ts";
export {
  type ChoiceLogps,
  type ChoiceScores,
  type MultipleChoice,
  multipleChoice,
  scoreChoices,
} from "./multiple-choice/multiple-choice.ts";
export {
  type TruthfulQaChoices,
  truthfulQaChoices,
  truthfulQaPrimer,
  truthfulQaPrompt,
  truthfulQaReferences,
} from "./multiple-choice/truthful-qa.ts";
export { bleu } from "./overlap/bleu.ts";
export { type Rouge, rouge } from "./overlap/rouge.ts";
export {
  type OverlapMeasure,
  overlapDifference,
  overlapMeasures,
  type Truthfulness,
  truthfulness,
  type WrittenAnswer,
} from "./overlap/truthfulness.ts";
export { type AverageReward, averageReward } from "./rewards/average-reward.ts";
export {
  type OrderRule,
  type Outcome,
  outcomeOf,
  outcomeOfBoth,
  preferenceFor,
  type Side,
} from "./win-rate/outcome.ts";
export {
  type BothOrdersWinRate,
  countOutcomes,
  type WinRate,
  type WinRateOptions,
  winRateOf,
  winRateOfBoth,
} from "./win-rate/win-rate.ts";
