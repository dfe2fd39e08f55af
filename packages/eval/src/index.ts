// Public names of @dual-head/eval.
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
export { createScoreJudge, type ScoreJudgeOptions, type Scorer } from "./judges/score/score-judge.ts";
export {
  type BothVerdicts,
  exchangeSides,
  exchangeVerdict,
  preferBothOrders,
  withRandomSides,
} from "./judges/swap/swap.ts";
