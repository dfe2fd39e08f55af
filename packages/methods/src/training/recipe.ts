// What a recipe of a peer method says: the objective, its numbers, what is trained and how fast. Knows no method.
import type { PairObjective, TuneSettings } from "@dual-head/train";

/** What of a model a recipe trains: changes of low rank, all parameters, or a score head with all parameters. */
export type TrainedPart = "lora" | "whole" | "scored";

/** Changes of low rank as PEFT names them: b·a·alpha/rank, beside these matrices of each layer. */
export interface LoraRecipe {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly ("query" | "key" | "value" | "output" | "gate" | "up" | "down")[];
}

/** What low-rank tuning of a policy changes here: every matrix of a layer, by rank 16. */
export const everyMatrix: LoraRecipe = {
  rank: 16,
  alpha: 32,
  targets: ["query", "key", "value", "output", "gate", "up", "down"],
};

/** How a method is trained on preference pairs; numbers are those its authors' program uses where nothing else is said. */
export interface TrainingRecipe<Options extends Readonly<Record<string, number>> = Readonly<Record<string, number>>> {
  readonly method: string;
  /** The method for people: its name and where it is from. */
  readonly title: string;
  /** What is trained where nobody says otherwise. */
  readonly trains: TrainedPart;
  /** Changes of low rank, the method's own or what `lora` gives here; null where it has none. */
  readonly lora: LoraRecipe | null;
  /** Options of the objective with their defaults. */
  readonly options: Options;
  /** Settings of the run but the rate. */
  readonly settings: Partial<Omit<TuneSettings, "learningRate">>;
  /** Peak rate at a hidden size of 4096. */
  readonly learningRate: number;
  /** The objective with these options, defaults for the rest. */
  objective(options?: Partial<Options>): PairObjective;
}

/** The hidden size of the models that authors name their rates for. */
const authorsHiddenSize = 4096;

/** The rate of changes of low rank, at every size: they reach b, whose rows have as many numbers as the rank. */
const loraLearningRate = 5e-4;

/**
 * Settings of a recipe for a model of this hidden size.
 *
 * The rate of whole matrices is the authors' in inverse proportion to the hidden size: a step of AdamW moves each weight
 * by about the rate, and so an output by the rate times the number of inputs. That of low-rank changes is GenARM's.
 */
export function recipeSettings(recipe: TrainingRecipe, hiddenSize: number, trains: TrainedPart): Partial<TuneSettings> {
  const learningRate = trains === "lora" ? loraLearningRate : (recipe.learningRate * authorsHiddenSize) / hiddenSize;
  return { ...recipe.settings, learningRate };
}
