// A model that can be trained on text: one with a tokenizer. Knows no method.
import { type Io, UsageError } from "../io.ts";
import { type ModelOptions, type OpenModel, openModel } from "../model.ts";

/** A model with its tokenizer. */
export interface TrainableModel extends OpenModel {
  readonly tokenizer: NonNullable<OpenModel["tokenizer"]>;
}

/** Opens a model for training; the caller disposes it. */
export async function openForTraining(options: ModelOptions, io: Io): Promise<TrainableModel> {
  const model = await openModel(options, io);
  const { tokenizer } = model;
  if (tokenizer !== null) return { ...model, tokenizer };
  model[Symbol.dispose]();
  throw new UsageError(`Cannot train on text: ${options.model} has no tokenizer; name one with --tokenizer`);
}
