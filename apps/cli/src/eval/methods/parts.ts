// What a method is put together from, once it is loaded. Knows no method.
import type { Backbone, ScoreModel } from "@dual-head/backbone";
import type { LlamaParams } from "@dual-head/backbone-llama";
import type { LoadedHeads } from "@dual-head/train";

/** A language model. */
export interface ModelPart {
  readonly name: string;
  readonly backbone: Backbone<LlamaParams>;
  readonly params: LlamaParams;
}

/** A reward head with its gate. */
export interface HeadsPart {
  readonly name: string;
  readonly loaded: LoadedHeads;
}

/** A model that scores texts. */
export interface ScorePart {
  readonly name: string;
  readonly model: ScoreModel<LlamaParams>;
}

/** All parts of an arm, in the order of its rewards. */
export interface LoadedParts {
  readonly heads: readonly HeadsPart[];
  readonly models: readonly ModelPart[];
  readonly scores: readonly ScorePart[];
  /** The untrained model that helpers were made of. */
  readonly helper: ModelPart;
}
