// Public names of the evaluation's testing entry: the laws of judges.
export { comparisonArbitrary, conversationArbitrary, exchangeArbitrary } from "./arbitraries.ts";
export { type JudgeLawOptions, judgeLaws } from "./judge-laws.ts";
