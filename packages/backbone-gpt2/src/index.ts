// Public names of backbone-gpt2.
export { type Gpt2Config, gpt2ConfigFrom } from "./config.ts";
export { createGpt2 } from "./gpt2.ts";
export { type LoadedGpt2, type LoadedGpt2Classifier, loadGpt2, loadGpt2Classifier } from "./load-gpt2.ts";
export {
  createGpt2Tree,
  type Gpt2Layer,
  type Gpt2Linear,
  type Gpt2Norm,
  type Gpt2Params,
  type Gpt2Tree,
  type Gpt2WeightName,
  gpt2WeightBytes,
  gpt2WeightNames,
} from "./params.ts";
