// Files of human preferences as a setting: nothing is known of the truth, so a judge must say what is better.
import { type PreferencePair, readMtBenchQuestions, readPreferences, readTruthfulQa } from "@dual-head/data";
import type { Scorer } from "@dual-head/eval";
import { UsageError } from "../../io.ts";
import type { SettingConfig } from "../config.ts";
import { type EvalPrompt, type Setting, transcriptOf } from "./setting.ts";

/** Creates the setting of a configuration; its scorers are opened when they are first asked. */
export function createFilesSetting(
  config: Extract<SettingConfig, { kind: "files" }>,
  openScorer: (model: string) => Promise<Scorer>,
): Setting {
  const scorerOf = (model: string): Scorer => {
    let opened: Promise<Scorer> | null = null;
    return async (exchanges, signal) => {
      opened ??= openScorer(model);
      return (await opened)(exchanges, signal);
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
      Object.entries(config.scorers ?? {}).map(([reward, model]) => [reward, scorerOf(model)]),
    ),
    isFluent: null,
    stopStrings: ["\n\nHuman:"],
    async prompts(split, count) {
      const paths = split === "test" ? config.prompts : (config.validationPrompts ?? []);
      if (paths.length === 0) {
        throw new UsageError("Cannot choose settings: the configuration names no validationPrompts; add some");
      }
      return (await readPairs(paths)).slice(0, count).map(promptOf);
    },
    async pairs(reward, count) {
      const paths = config.preferences[reward];
      if (paths === undefined) {
        throw new UsageError(
          `Cannot train for ${reward}: the configuration has preferences for ${Object.keys(config.preferences).join(", ")}`,
        );
      }
      return (await readPairs(paths)).slice(0, count);
    },
    async choices() {
      if (config.truthfulQa === undefined) {
        throw new UsageError("Cannot ask TruthfulQA: the configuration names no file; add setting.truthfulQa");
      }
      return (await readTruthfulQa(config.truthfulQa)).map(
        ({ category, question, bestAnswer, correctAnswers, incorrectAnswers }) => ({
          category,
          prompt: transcriptOf([question]),
          trueAnswers: [bestAnswer, ...correctAnswers.filter((answer) => answer !== bestAnswer)].map(
            (answer) => ` ${answer}`,
          ),
          falseAnswers: incorrectAnswers.map((answer) => ` ${answer}`),
        }),
      );
    },
    async twoTurns(count) {
      if (config.mtBench === undefined) {
        throw new UsageError("Cannot ask MT-Bench: the configuration names no file; add setting.mtBench");
      }
      return (await readMtBenchQuestions(config.mtBench)).slice(0, count).map(({ id, category, turns }) => ({
        id: String(id),
        category,
        turns: [turns[0]!, turns[1]!],
      }));
    },
  };
}

function promptOf({ prompt }: PreferencePair): EvalPrompt {
  const text = prompt.join("");
  const marks = /\n\n(?:Human|Assistant):/;
  const turns = text
    .split(marks)
    .map((turn) => turn.trim())
    .slice(1, -1);
  return { text, turns };
}
