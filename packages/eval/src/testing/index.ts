// Public names of the evaluation's testing entry: the laws of judges, and an endpoint that misbehaves.
export { comparisonArbitrary, conversationArbitrary, exchangeArbitrary } from "./arbitraries.ts";
export { type JudgeLawOptions, judgeLaws } from "./judge-laws.ts";
export { createTestClock, type TestClock } from "./test-clock.ts";
export {
  completionBody,
  startTestEndpoint,
  type TestChatRequest,
  type TestEndpoint,
  type TestReply,
} from "./test-endpoint.ts";
