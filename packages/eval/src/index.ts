// Public names of @dual-head/eval.
export type { Comparison, Exchange, Grade, Judge, Verdict } from "./judges/judge.ts";
