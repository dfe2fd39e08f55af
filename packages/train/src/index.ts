// Public names of @dual-head/train.
export {
  type BatchCounts,
  type BatchItem,
  type CollateOptions,
  collate,
  countBatch,
  type MicroBatch,
} from "./collate.ts";
export { HeadsFileError, TrainingError, type TrainingFault } from "./errors.ts";
export { accuracyOf, type HeldOutFigures, wilsonInterval } from "./evaluate.ts";
export type {
  CheckpointEvent,
  EndEvent,
  FeaturesEvent,
  PreparedEvent,
  StepEvent,
  TrainEvent,
  TrainingSummary,
} from "./events.ts";
export {
  cachedFeatures,
  type FeatureOptions,
  type FeatureProgress,
  type FeatureSource,
  recomputedFeatures,
} from "./features.ts";
export {
  cardFileName,
  describeHeads,
  type HeadsDescription,
  type HeadsFigures,
  type HeadsTarget,
  headsFileName,
  isLargeMatrix,
  type LoadedHeads,
  type LoadHeadsOptions,
  loadHeads,
  saveHeads,
  trainedMixing,
} from "./heads-file.ts";
export { metricsFileName, type StepMetrics } from "./metrics.ts";
export {
  batchObjective,
  type ObjectiveModel,
  type ObjectiveParts,
  rewardMargins,
  type TrainedParams,
} from "./objective.ts";
export {
  type AdamwConstants,
  createOptimiser,
  freeTree,
  type Optimiser,
  squaredNorm,
} from "./optimiser.ts";
export { type DropReason, type PreparedData, type PrepareOptions, prepareData } from "./prepare.ts";
export {
  defaultPretrainSettings,
  type PretrainCheckpointEvent,
  type PretrainEndEvent,
  type PretrainEvent,
  type PretrainFigures,
  type PretrainOptions,
  type PretrainSettings,
  type PretrainStepEvent,
  pretrain,
  type TokenBatchPair,
  tokenLoss,
} from "./pretrain/pretrain.ts";
export type { ExampleRows } from "./rows.ts";
export { type CosineRateOptions, cosineRate, endlessOrder, epochOrder } from "./schedule.ts";
export {
  completeSettings,
  defaultGate,
  defaultHead,
  defaultLearningRate,
  defaultSettings,
  type TrainingSettings,
} from "./settings.ts";
export { type ExampleTokenizer, type TokenisedExample, tokeniseExample } from "./tokenise.ts";
export { type TrainOptions, train } from "./train.ts";
export { stateFileName } from "./training-state.ts";
export { type TuneDescription, tuneCard } from "./tune/card.ts";
export type {
  TuneEndEvent,
  TuneEvent,
  TuneFigures,
  TuneReferenceEvent,
  TuneStepEvent,
  TuneStepFigures,
  TuneSummary,
} from "./tune/events.ts";
export {
  armObjective,
  bradleyTerryObjective,
  type ComparedPairs,
  dpoObjective,
  type PairObjective,
  simpoObjective,
  type TextObjective,
  type TokenObjective,
} from "./tune/objectives.ts";
export { completeTuneSettings, defaultTuneSettings, type TuneSettings } from "./tune/settings.ts";
export {
  frozenModel,
  initialScore,
  type Scored,
  type Trainable,
  type TunedModel,
  type TunedScore,
  wholeModel,
  withScore,
} from "./tune/trainable.ts";
export { type TuneOptions, tune } from "./tune/tune.ts";
