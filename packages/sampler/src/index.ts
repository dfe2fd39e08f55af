// Public names of the sampler.
export { InvalidEntryError, InvalidRequestError, SamplingError } from "./errors.ts";
export type {
  Controls,
  Cost,
  DecodePolicy,
  ScoreOptions,
  Sequence,
  SequenceEntry,
  Step,
  TokenScores,
} from "./policy.ts";
export { checkEntries } from "./policy.ts";
export { createRandom, type Random } from "./random.ts";
