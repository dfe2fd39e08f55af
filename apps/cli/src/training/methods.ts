// The methods that can be trained, and which options are theirs alone. Knows no run.
import { bradleyTerryRecipe, dpoRecipe, genArmRecipe, simpoRecipe, type TrainingRecipe } from "@dual-head/methods";
import type { Command } from "commander";
import { UsageError } from "../io.ts";

/** A method of the command line. */
export type TrainingMethod = "dual-head" | PeerMethod;
/** One that tunes a model instead of heads. */
export type PeerMethod = "genarm" | "dpo" | "simpo" | "bradley-terry";

/** How each of the peers is trained. */
export const peerRecipes: Readonly<Record<PeerMethod, TrainingRecipe>> = {
  genarm: genArmRecipe,
  dpo: dpoRecipe,
  simpo: simpoRecipe,
  "bradley-terry": bradleyTerryRecipe,
};

/** All methods, the default first. */
export const trainingMethods: readonly TrainingMethod[] = [
  "dual-head",
  ...(Object.keys(peerRecipes) as readonly PeerMethod[]),
];

const heads: readonly TrainingMethod[] = ["dual-head"];
const policies: readonly TrainingMethod[] = ["genarm", "dpo", "simpo"];

/** Options that not every method has, by attribute. */
const owners: Readonly<Record<string, readonly TrainingMethod[]>> = {
  sft: heads,
  lambdaReward: heads,
  lambdaGate: heads,
  betaReward: heads,
  entropySign: heads,
  preferenceOn: heads,
  reduction: heads,
  mixing: heads,
  gateWidth: heads,
  gateHeads: heads,
  alpha: heads,
  head: heads,
  rank: heads,
  headWidth: heads,
  headInit: heads,
  headBias: heads,
  features: heads,
  beta: policies,
  lora: policies,
  whole: ["genarm"],
  labelSmoothing: ["dpo"],
  gammaRatio: ["simpo"],
  margin: ["bradley-terry"],
  centre: ["bradley-terry"],
  scoreOnly: ["bradley-terry"],
};

/**
 * Refuses options of other methods.
 *
 * @throws UsageError that names the first of them and whose it is
 */
export function checkOwners(command: Command, method: TrainingMethod): void {
  for (const option of command.options) {
    const name = option.attributeName();
    const own = owners[name];
    if (own === undefined || own.includes(method) || command.getOptionValueSource(name) !== "cli") continue;
    const flag = option.long ?? option.flags;
    throw new UsageError(`Cannot train by ${method}: ${flag} belongs to ${own.join(", ")}; leave it out`);
  }
  const { lora, whole } = command.opts<{ readonly lora?: number; readonly whole?: boolean }>();
  if (lora !== undefined && whole === true) {
    throw new UsageError("Cannot train low-rank changes and all parameters: give --lora or --whole");
  }
}
