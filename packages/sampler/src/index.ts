// Public names of the sampler.

export { type Choice, type ChoiceSettings, type Chooser, createChooser } from "./choose.ts";
export { argmax, candidatesOf, type Logits, logNormalizer, logProbability, sampleToken } from "./distribution.ts";
export type { EngineLimits } from "./engine.ts";
export { InvalidEntryError, InvalidRequestError, SamplingError } from "./errors.ts";
export {
  type BatchEvent,
  type BatchGenerator,
  type BatchOptions,
  generateBatch,
  onlyEvents,
  sampled,
} from "./generate.ts";
export type {
  Candidates,
  Controls,
  Cost,
  DecodePolicy,
  ScoreOptions,
  Sequence,
  SequenceEntry,
  Step,
  TokenScores,
} from "./policy.ts";
export { checkEntries, checkTruncation } from "./policy.ts";
export { createRandom, type Random } from "./random.ts";
export type {
  Detokenizer,
  EndEvent,
  EndReason,
  GenerateEvent,
  GenerateRequest,
  Generator,
  TokenEvent,
} from "./request.ts";
export { checkRequest } from "./request.ts";
export { createScheduler, type Scheduler, type SchedulerOptions } from "./scheduler.ts";
export { createSpeech, type Speech } from "./speech.ts";
export { createStopMatcher, type StopMatcher, type StopResult } from "./stop-strings.ts";
export { addLogitBias } from "./warps/logit-bias.ts";
export { keepMinP } from "./warps/min-p.ts";
export { penalizeRepetition } from "./warps/repetition-penalty.ts";
export { scaleByTemperature } from "./warps/temperature.ts";
export { keepTopK } from "./warps/top-k.ts";
export { keepTopP } from "./warps/top-p.ts";
export { type WarpSettings, warpLogits } from "./warps/warp.ts";
