// The mini world as a setting: everything is drawn by seed, and the oracle knows the truth.
import { writeFile } from "node:fs/promises";
import { type PreferencePair, readPreferences, readTruthfulQa } from "@dual-head/data";
import { type Exchange, hhPrompt, mtBenchTemperature } from "@dual-head/eval";
import {
  drawPrompt,
  fluencyOf,
  judge,
  type RewardName,
  streamOf,
  toHhRlhf,
  toMtBench,
  toTruthfulQa,
} from "@dual-head/mini-world";
import { inTemporaryFolder } from "../temporary-folder.ts";
import { type Setting, transcriptOf } from "./setting.ts";

const rewards: readonly RewardName[] = ["overall", "helpful", "harmless"];

/** Creates the setting. Test prompts are of topics and intents that no preference is about; validation prompts are not. */
export function createMiniWorldSetting(): Setting {
  const scoreOf = (reward: RewardName) => async (exchanges: readonly Exchange[]) =>
    exchanges.map(({ conversation, answer }) => judge(hhPrompt(conversation), answer)[reward]);
  return {
    name: "mini-world",
    rewards,
    stopStrings: ["\n\nHuman:"],
    scorers: Object.fromEntries(rewards.map((reward) => [reward, scoreOf(reward)])),
    isFluent: (answer) => fluencyOf(answer.trim()).isFluent,
    async prompts(split, count, seed) {
      const drawn = Array.from({ length: count }, (_, index) =>
        drawPrompt(split === "test" ? "test" : "train", streamOf(seed, `eval prompt ${split}`, index)),
      );
      return drawn.map(({ text, turns }) => ({ text, turns }));
    },
    pairs: (reward, count, seed) =>
      readDrawn("pairs.jsonl", toHhRlhf({ seed, count, split: "train" }, reward as RewardName), async (path) => {
        const { pairs } = await readPreferences(path, { format: "hh-rlhf" });
        return pairs satisfies readonly PreferencePair[];
      }),
    choices: () =>
      readDrawn("truthful-qa.csv", toTruthfulQa({ seed: 1, split: "test" }), async (path) =>
        (await readTruthfulQa(path)).map(({ category, question, correctAnswers, incorrectAnswers }) => ({
          ...{ category, question, prompt: transcriptOf([question]), manner: { temperature: 0 } },
          references: { correct: correctAnswers, incorrect: incorrectAnswers },
          trueAnswers: correctAnswers.map((answer) => ` ${answer}`),
          falseAnswers: incorrectAnswers.map((answer) => ` ${answer}`),
        })),
      ),
    async twoTurns(count, seed) {
      const lines = toMtBench({ seed, count, split: "test" }).trimEnd().split("\n");
      return lines.map((line) => {
        const { question_id, category, turns, reference } = JSON.parse(line);
        const manner = { temperature: mtBenchTemperature(category) };
        return { id: String(question_id), category, turns, manner, references: reference };
      });
    },
    gradeTemplates: async () => [],
  };
}

function readDrawn<Out>(name: string, text: string, read: (path: string) => Promise<Out>): Promise<Out> {
  return inTemporaryFolder(async (folder) => {
    await writeFile(`${folder}/${name}`, text);
    return read(`${folder}/${name}`);
  });
}
