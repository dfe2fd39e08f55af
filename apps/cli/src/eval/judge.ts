// The judges by kind: the only place of an evaluation that knows where verdicts come from.
import { loadGpt2Classifier } from "@dual-head/backbone-gpt2";
import { loadLlamaClassifier } from "@dual-head/backbone-llama";
import { readJson } from "@dual-head/bytes";
import {
  createEndpoint,
  createEndpointJudge,
  createRewardScorer,
  createScoreJudge,
  defaultTemplates,
  type Exchange,
  gradeTemplate,
  hhPrompt,
  type Judge,
  type JudgeTemplate,
  oneTokenTemplate,
  readRecordedJudge,
  type Scorer,
  twoScoresTemplate,
} from "@dual-head/eval";
import type { Device } from "@dual-head/tensor-core";
import { type Io, UsageError } from "../io.ts";
import { locate } from "../locate.ts";
import { openTokenizer } from "../open-tokenizer.ts";
import type { JudgeConfig } from "./config.ts";
import type { Setting } from "./settings/setting.ts";

/** A judge with what it holds. */
export interface OpenJudge extends Disposable {
  readonly judge: Judge;
  /** What it was paid in all parts of the run; null where it has no price. */
  readonly costSoFar: () => number | null;
}

/** What endpoints can be asked with, by name; each also grades. */
export const endpointTemplates: Readonly<Record<string, readonly JudgeTemplate[]>> = {
  pairwise: defaultTemplates,
  "one-token": [oneTokenTemplate, gradeTemplate],
  "two-scores": [twoScoresTemplate, gradeTemplate],
};

const holdsNothing = (judge: Judge): OpenJudge => ({ judge, costSoFar: () => null, [Symbol.dispose]: () => {} });

/**
 * Opens the judge of a configuration.
 *
 * @param spentBefore what former parts of the run paid, which counts towards the spending limit
 * @throws UsageError where the setting knows no truth for an oracle, or a name is none
 */
export async function openJudge(
  config: JudgeConfig,
  setting: Setting,
  device: Device,
  spentBefore: number,
  io: Io,
): Promise<OpenJudge> {
  switch (config.kind) {
    case "oracle": {
      const score = setting.scorers[setting.rewards[0]!];
      if (score === undefined) {
        throw new UsageError(
          `Cannot judge by an oracle: the setting ${setting.name} knows no true reward; configure another judge`,
        );
      }
      return holdsNothing(createScoreJudge({ name: "oracle", score }));
    }
    case "recorded":
      return holdsNothing(await readRecordedJudge(config.folder));
    case "endpoint": {
      const templates = endpointTemplates[config.template];
      if (templates === undefined) {
        const known = Object.keys(endpointTemplates).join(", ");
        throw new UsageError(`Cannot ask with the template ${config.template}: there are ${known}`);
      }
      const { baseUrl, model, keyVariable = null, concurrency, requestsPerMinute, tokensPerMinute } = config;
      const endpoint = createEndpoint({
        ...{ baseUrl, model, keyVariable, concurrency, requestsPerMinute, tokensPerMinute },
        price: { promptPerMillion: config.promptPrice, completionPerMillion: config.completionPrice },
        spendingLimit: config.spendingLimit,
        spentBefore,
        environment: io.environment,
        onRetry: (reason, seconds) => io.note(`judge: ${reason}; again in ${seconds.toFixed(1)} s\n`),
      });
      const hasPrice = config.promptPrice > 0 || config.completionPrice > 0;
      return {
        ...holdsNothing(
          createEndpointJudge({ endpoint, templates: [...(await setting.gradeTemplates()), ...templates] }),
        ),
        costSoFar: () => (hasPrice ? endpoint.spending.cost : null),
      };
    }
    case "reward-model": {
      const opened = await openRewardModel(config.model, device, io);
      const judge = createScoreJudge({
        name: `reward model ${config.model}`,
        identity: opened.sha256,
        score: opened.score,
      });
      return { ...holdsNothing(judge), [Symbol.dispose]: () => opened[Symbol.dispose]() };
    }
  }
}

/** A reward model that scores transcripts. */
export interface OpenRewardModel extends Disposable {
  readonly score: Scorer;
  /** Of its weights, so that verdicts on disk are not taken for those of others. */
  readonly sha256: string;
}

/** Opens a sequence classifier, LLaMA-shaped or GPT-2, with its own tokenizer; its first label is the reward. */
export async function openRewardModel(source: string, device: Device, io: Io): Promise<OpenRewardModel> {
  const path = await locate(source, "model", io);
  const tokenizer = await openTokenizer(path);
  if (tokenizer === null) throw new UsageError(`Cannot score by ${source}: it has no tokenizer`);
  let cutCount = 0;
  const onCut = () => {
    if (++cutCount === 1) io.note(`${source}: texts longer than it reads are scored without their first turns\n`);
  };
  const tokenise = ({ conversation, answer }: Exchange) => tokenizer.encode(`${hhPrompt(conversation)} ${answer}`);
  const { model_type: type } = (await readJson(`${path}/config.json`)) as { readonly model_type?: unknown };
  if (type === "gpt2") {
    const model = await loadGpt2Classifier(path, device);
    const score = createRewardScorer({ name: source, model, tokenise, onCut });
    return { score, sha256: model.sha256, [Symbol.dispose]: () => model[Symbol.dispose]() };
  }
  const model = await loadLlamaClassifier(path, device);
  const score = createRewardScorer({ name: source, model, tokenise, onCut });
  return { score, sha256: model.sha256, [Symbol.dispose]: () => model[Symbol.dispose]() };
}
