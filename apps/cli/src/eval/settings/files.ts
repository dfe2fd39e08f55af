// Files of human preferences as a setting: nothing is known of the truth, so a judge must say what is better.
import {
  type PreferencePair,
  readMtBenchAnswers,
  readMtBenchJudgePrompts,
  readMtBenchQuestions,
  readPreferences,
  readTruthfulQa,
  splitTurns,
} from "@dual-head/data";
import {
  type Exchange,
  mtBenchNeedsReference,
  mtBenchTemperature,
  mtBenchTemplates,
  type Scorer,
  truthfulQaChoices,
  truthfulQaReferences,
} from "@dual-head/eval";
import { createRandom } from "@dual-head/tensor-core";
import { epochOrder } from "@dual-head/train";
import { UsageError } from "../../io.ts";
import type { ScorerConfig, SettingConfig } from "../config.ts";
import type { EvalPrompt, PromptSplit, Setting } from "./setting.ts";

/** Creates the setting of a configuration; its scorers are opened when they are first asked. */
export function createFilesSetting(
  config: Extract<SettingConfig, { kind: "files" }>,
  openScorer: (model: string) => Promise<Scorer>,
): Setting {
  const opened = new Map<string, Promise<Scorer>>();
  // Rewards that are means ask again for the answers that their parts have just scored.
  const scored = new WeakMap<readonly Exchange[], Map<string, Promise<ArrayLike<number>>>>();
  const modelScorer =
    (model: string): Scorer =>
    (exchanges, signal) => {
      const own = scored.get(exchanges) ?? new Map<string, Promise<ArrayLike<number>>>();
      scored.set(exchanges, own);
      const scorer = opened.get(model) ?? openScorer(model);
      opened.set(model, scorer);
      const scores = own.get(model) ?? scorer.then((score) => score(exchanges, signal));
      own.set(model, scores);
      return scores;
    };
  const scorerOf = (given: ScorerConfig): Scorer => {
    if (typeof given === "string") return modelScorer(given);
    const parts = given.meanOf.map((name) => modelScorer(config.scorers?.[name] as string));
    return async (exchanges, signal) => {
      const scores: ArrayLike<number>[] = [];
      for (const part of parts) scores.push(await part(exchanges, signal));
      return exchanges.map((_, at) => scores.reduce((sum, each) => sum + each[at]!, 0) / scores.length);
    };
  };
  const readPairs = async (paths: readonly string[]): Promise<readonly PreferencePair[]> => {
    const pairs: PreferencePair[] = [];
    for (const path of paths) pairs.push(...(await readPreferences(path)).pairs);
    return pairs;
  };
  return {
    name: "files",
    rewards: Object.keys(config.preferences),
    scorers: Object.fromEntries(
      Object.entries(config.scorers ?? {}).map(([reward, given]) => [reward, scorerOf(given)]),
    ),
    isFluent: null,
    stopStrings: ["\n\nHuman:"],
    async prompts(split, count, seed) {
      const { prompts, validationPrompts = [] } = config;
      const paths = split === "test" ? prompts : validationPrompts;
      if (paths.length === 0) {
        throw new UsageError("Cannot choose settings: the configuration names no validationPrompts; add some");
      }
      const all = (await readPairs(paths)).map(promptOf);
      const once = [...new Map(all.map((prompt) => [prompt.text, prompt])).values()];
      const isShared = validationPrompts.some((path) => prompts.includes(path));
      const own = isShared ? once.filter(({ text }) => splitOf(text) === split) : once;
      return drawn(own, count, seed, "prompts");
    },
    async pairs(reward, count, seed) {
      const paths = config.preferences[reward];
      if (paths === undefined) {
        throw new UsageError(
          `Cannot train for ${reward}: the configuration has preferences for ${Object.keys(config.preferences).join(", ")}`,
        );
      }
      return drawn(await readPairs(paths), count, seed, "pairs");
    },
    async choices() {
      if (config.truthfulQa === undefined) {
        throw new UsageError("Cannot ask TruthfulQA: the configuration names no file; add setting.truthfulQa");
      }
      return (await readTruthfulQa(config.truthfulQa)).map((question) => {
        const { prompt, best, correct, incorrect } = truthfulQaChoices(question);
        const others = correct.filter((_, at) => at !== best);
        return {
          ...{ category: question.category, question: question.question, prompt, manner: truthfulQaManner },
          references: truthfulQaReferences(question),
          trueAnswers: [correct[best]!, ...others],
          falseAnswers: incorrect,
        };
      });
    },
    async twoTurns(count) {
      if (config.mtBench === undefined) {
        throw new UsageError("Cannot ask MT-Bench: the configuration names no file; add setting.mtBench");
      }
      const { questions, references } = config.mtBench;
      const answers = references === undefined ? [] : await readMtBenchAnswers(references);
      const byId = new Map(answers.map(({ questionId, choices }) => [questionId, choices[0]!.turns]));
      return acrossCategories(await readMtBenchQuestions(questions), count).map(({ id, category, turns }) => {
        const [first, second] = turns;
        if (first === undefined || second === undefined) {
          throw new UsageError(
            `Cannot ask MT-Bench: question ${id} of ${questions} has ${turns.length} turns and must have two; name the file of MT-Bench itself`,
          );
        }
        return {
          ...{ id: String(id), category, turns: [first, second] as const },
          manner: { temperature: mtBenchTemperature(category), maxNewTokens: mtBenchNewTokens },
          references: mtBenchNeedsReference(category) ? (byId.get(id) ?? null) : null,
        };
      });
    },
    async gradeTemplates() {
      if (config.mtBench?.judgePrompts === undefined) return [];
      const templates = mtBenchTemplates(await readMtBenchJudgePrompts(config.mtBench.judgePrompts));
      return templates.filter(({ asks }) => asks === "single");
    },
  };
}

/** TruthfulQA has its answers written at temperature 0, up to the next empty line. */
const truthfulQaManner = { temperature: 0, maxNewTokens: 50, stopStrings: ["\n\n"] } as const;
/** What MT-Bench gives an answer. */
const mtBenchNewTokens = 1024;

/** So many questions in turn from every category, so that a few are not all of the first ones; in the order of the file. */
function acrossCategories<Question extends { readonly category: string }>(
  questions: readonly Question[],
  count: number,
): readonly Question[] {
  const ranks = new Map<string, number>();
  const ranked = questions.map(({ category }, index) => {
    const rank = ranks.get(category) ?? 0;
    ranks.set(category, rank + 1);
    return { rank, index };
  });
  const chosen = ranked.toSorted((a, b) => a.rank - b.rank || a.index - b.index).slice(0, count);
  return chosen.toSorted((a, b) => a.index - b.index).map(({ index }) => questions[index]!);
}

/** So many of all files' items by seed, not those that happen to stand first. */
function drawn<Item>(items: readonly Item[], count: number, seed: number, label: string): readonly Item[] {
  return [...epochOrder(items.length, seed, 0, label).subarray(0, count)].map((index) => items[index]!);
}

/** Of files that serve both splits a prompt is in one of them whatever the seed, so that nothing is chosen on test prompts. */
function splitOf(text: string): PromptSplit {
  return createRandom(0, `split of ${text}`).uniform() < 0.5 ? "test" : "validation";
}

function promptOf({ prompt }: PreferencePair): EvalPrompt {
  const text = prompt.join("");
  const turns = splitTurns(text).map((turn) => turn.replaceAll(/\n\n(?:Human|Assistant):/g, "").trim());
  return { text, turns };
}
