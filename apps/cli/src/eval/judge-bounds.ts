// What a judge would be asked at most by suites: comparisons, grades, calls, tokens and what they cost. Asks nothing.
import type { JudgeTemplate } from "@dual-head/eval";
import type { EvalConfig } from "./config.ts";
import { endpointTemplates } from "./judge.ts";
import type { Setting } from "./settings/setting.ts";
import type { JudgedCounts, SuitePreview } from "./suites/context.ts";

/** What was found, in lines; problems are what would stop the run. */
export interface JudgeBounds {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** Bytes of a token: of English about 4, of code and numbers about 3, so that texts have rarely more tokens than this says. */
const bytesPerToken = 3;
/** Names of speakers in a conversation and what an endpoint puts around messages, tokens of a call. */
const frameTokens = 32;
/** HH-RLHF's prompts, where the files cannot be read. */
const promptTokens = 200;

/** Bounds of all suites together; answers that two suites share are judged once, so that it may be less. */
export async function judgeBounds(
  config: EvalConfig,
  suites: readonly SuitePreview[],
  setting: Setting,
): Promise<JudgeBounds> {
  const problems: string[] = [];
  const counts: JudgedCounts[] = [];
  for (const { name, judged } of suites) {
    try {
      if (judged !== undefined) counts.push(await judged(config, setting));
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`);
    }
  }
  const sum = (of: (each: JudgedCounts) => number) => counts.reduce((total, each) => total + of(each), 0);
  const [comparisons, grades] = [sum((each) => each.comparisons), sum((each) => each.grades)];
  const lines = [`judge: ${config.judge.kind}, at most ${comparisons} comparisons in both orders and ${grades} grades`];
  const { judge } = config;
  if (judge.kind !== "endpoint") return { lines, problems };
  const templates = endpointTemplates[judge.template];
  if (templates === undefined) {
    const known = Object.keys(endpointTemplates).join(", ");
    return { lines, problems: [...problems, `judge.template is ${judge.template}; use ${known}`] };
  }
  let published: readonly JudgeTemplate[] = [];
  try {
    published = await setting.gradeTemplates();
  } catch (error) {
    problems.push((error as Error).message);
  }
  const read = await meanPromptTokens(config, setting);
  const ofKind = (asks: JudgeTemplate["asks"]) => [...published, ...templates].filter((each) => each.asks === asks);
  const longest = (all: readonly JudgeTemplate[], of: (each: JudgeTemplate) => number) => Math.max(0, ...all.map(of));
  const sizeOf = ({ system, prompt }: JudgeTemplate) => tokensIn(`${system ?? ""}${prompt}`);
  const answered = (each: JudgeTemplate) => each.maxTokens;
  const [pairwise, single] = [ofKind("pairwise"), ofKind("single")];
  const calls = 2 * comparisons + grades;
  const shown = (each: JudgedCounts) =>
    each.graded === undefined
      ? each.grades * (read + config.maxNewTokens)
      : each.graded.textBytes / bytesPerToken + each.graded.answerTokens;
  const asked = Math.ceil(
    2 * comparisons * (read + longest(pairwise, sizeOf) + 2 * config.maxNewTokens) +
      grades * longest(single, sizeOf) +
      sum(shown) +
      calls * frameTokens,
  );
  const said = 2 * comparisons * longest(pairwise, answered) + grades * longest(single, answered);
  const dollars = (tokens: number, price: number) => (tokens * price) / 1e6;
  const [least, most] = [
    dollars(asked, judge.promptPrice),
    dollars(asked, judge.promptPrice) + dollars(said, judge.completionPrice),
  ];
  lines.push(
    `endpoint: at most ${calls} calls, at most ${asked} tokens asked and ${said} answered, of ${bytesPerToken} bytes each: at most $${most.toFixed(2)}, $${least.toFixed(2)} of it for asking${judge.spendingLimit === undefined ? "" : `, and $${judge.spendingLimit} may be spent`}`,
  );
  if (judge.spendingLimit !== undefined && most > judge.spendingLimit) {
    problems.push(
      `the judge may cost $${most.toFixed(2)}, $${least.toFixed(2)} of it for asking, and $${judge.spendingLimit} may be spent, where it stops; raise judge.spendingLimit or run fewer prompts or suites`,
    );
  }
  return { lines, problems };
}

const tokensIn = (text: string) => Buffer.byteLength(text) / bytesPerToken;

/** Tokens of a prompt, the mean of those that will be answered. */
async function meanPromptTokens({ prompts: count, seed }: EvalConfig, setting: Setting): Promise<number> {
  try {
    const prompts = await setting.prompts("test", count, seed);
    return prompts.reduce((total, { text }) => total + tokensIn(text), 0) / prompts.length;
  } catch {
    // The missing file is a problem of its own.
    return promptTokens;
  }
}
