// Public names of @dual-head/eval.
export { type CachedJudge, openCachedJudge } from "./judges/cache/cached-judge.ts";
export type { JudgeRecord, SaidRecord } from "./judges/cache/record.ts";
export {
  openVerdicts,
  readVerdicts,
  type StoredVerdicts,
  type VerdictFile,
  verdictFileName,
} from "./judges/cache/verdict-file.ts";
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
export { createScoreJudge, type ScoreJudgeOptions, type Scorer } from "./judges/score/score-judge.ts";
export {
  type BothVerdicts,
  exchangeSides,
  exchangeVerdict,
  preferBothOrders,
  withRandomSides,
} from "./judges/swap/swap.ts";
