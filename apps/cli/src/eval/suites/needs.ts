// What suites need of a configuration and its setting, checked in the same way before a run and by its dry run. Knows no
// suite, opens no model.
import { UsageError } from "../../io.ts";
import type { EvalConfig } from "../config.ts";
import { distinctParts } from "../methods/methods.ts";
import type { PromptSplit, Setting } from "../settings/setting.ts";
import type { SuiteNeed, SuitePreview } from "./context.ts";

/** Prompts without which no interval is defined. */
const fewestPrompts = 2;

/** Needs that several suites have. */
export const needs: Readonly<Record<"scores" | "testPrompts" | "validationPrompts", SuiteNeed>> = {
  /** Somebody scores by the setting's first reward. */
  scores: (_, { name, rewards: [reward], scorers }) => {
    if (scorers[reward!] !== undefined) return;
    throw new UsageError(`the setting ${name} has no scores by ${reward}; add setting.scorers.${reward}`);
  },
  testPrompts: promptsOf("test"),
  validationPrompts: promptsOf("validation"),
};

function promptsOf(split: PromptSplit): SuiteNeed {
  return async ({ prompts, seed }, setting) => {
    const { length } = await setting.prompts(split, Math.max(prompts, fewestPrompts), seed);
    if (length >= fewestPrompts) return;
    throw new UsageError(
      `the setting ${setting.name} has ${length} ${split} prompts; name files of at least ${fewestPrompts}`,
    );
  };
}

/** A suite with what it lacks, in words; nothing where it can run. */
export interface SuiteLack {
  readonly suite: SuitePreview;
  readonly lacks: readonly string[];
}

/** What each suite lacks: what it says it needs, and preferences for every reward that a part of its arms is trained for. */
export async function lacksOf(
  suites: readonly SuitePreview[],
  config: EvalConfig,
  setting: Setting,
): Promise<readonly SuiteLack[]> {
  // Files are read once, whatever the number of suites.
  const known = new Map<SuiteNeed | string, Promise<string | null>>();
  const lackOf = (key: SuiteNeed | string, check: SuiteNeed): Promise<string | null> => {
    const found = known.get(key) ?? failureOf(async () => check(config, setting));
    known.set(key, found);
    return found;
  };
  const all: SuiteLack[] = [];
  for (const suite of suites) {
    const found = [];
    for (const need of suite.needs ?? []) found.push(await lackOf(need, need));
    if (setting.rewards.length === 0) found.push("setting.preferences names no reward; add one with its files");
    const rewards = distinctParts(suite.arms(config, setting)).map(({ reward }) => reward);
    for (const reward of new Set(rewards)) found.push(await lackOf(reward, pairsFor(reward)));
    all.push({ suite, lacks: found.filter((each) => each !== null) });
  }
  return all;
}

function pairsFor(reward: string): SuiteNeed {
  return async ({ seed }, setting) => {
    const { length } = await setting.pairs(reward, 1, seed);
    if (length === 0) throw new UsageError(`there are no preferences for ${reward}; name files that have some`);
  };
}

async function failureOf(body: () => Promise<void>): Promise<string | null> {
  try {
    await body();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** @throws UsageError with all that suites lack */
export async function checkNeeds(suites: readonly SuitePreview[], config: EvalConfig, setting: Setting): Promise<void> {
  const lacking = (await lacksOf(suites, config, setting)).filter(({ lacks }) => lacks.length > 0);
  if (lacking.length === 0) return;
  const names = lacking.map(({ suite }) => suite.name).join(", ");
  const all = new Set(lacking.flatMap(({ lacks }) => lacks));
  throw new UsageError(`Cannot run ${names}: ${[...all].join("; ")}`);
}
