// A backbone before its final norm was multiplied, and heads trained there made heads of the one that is shipped.
// Knows no training.
import { copyFile } from "node:fs/promises";
import { loadLlama, saveLlama } from "@dual-head/backbone-llama";
import { createDirectory } from "@dual-head/bytes";
import { affine, openDevice, type Tensor } from "@dual-head/tensor-core";
import { describeHeads, loadHeads, saveHeads, type TrainedParams } from "@dual-head/train";
import { type BackboneName, recipes } from "./recipes.ts";

/**
 * Writes a backbone as it was before its final norm was multiplied by the sharpness of its recipe, in f32. There the
 * language-modelling loss has nothing to gain by flattening; on the sharpened model it undoes the sharpening.
 *
 * @param model the folder of the sharpened model
 * @param folder the folder to write
 */
export async function writeUnsharpened(name: BackboneName, model: string, folder: string): Promise<void> {
  using device = await openDevice("cpu", { threads: 1 });
  using loaded = await loadLlama(model, device);
  using finalNorm = affine(loaded.params.finalNorm, 1 / recipes[name].sharpness, 0);
  await createDirectory(folder);
  for (const file of ["tokenizer.json", "tokenizer_config.json"])
    await copyFile(`${model}/${file}`, `${folder}/${file}`);
  const { config, params, generation } = loaded;
  await saveLlama(folder, config, { ...params, finalNorm }, { dtype: "F32", generation });
}

/**
 * Writes heads that were trained on the unsharpened backbone as heads of the sharpened one, whose hidden states are s times
 * as large: the matrix of the reward head stays, its bias is multiplied by s, and what the gate projects is divided by it.
 * Logits of the language-model head, of the reward head and of their fusion are then s times those before, and α is the
 * same, exactly but for rounding. The figures of the card stay those of the training.
 *
 * Only heads that read hidden states themselves: an encoding would have to be scaled within.
 *
 * @param heads the folder that training wrote
 * @param model the folder of the sharpened model
 * @param folder the folder to write
 * @throws HeadsFileError where `heads` is no heads file, RangeError where the head has features of its own
 */
export async function sharpenHeads(name: BackboneName, heads: string, model: string, folder: string): Promise<void> {
  const { sharpness } = recipes[name];
  const description = await describeHeads(heads);
  using device = await openDevice("cpu", { threads: 1 });
  using loaded = await loadLlama(model, device);
  using trained = await loadHeads(heads, device, description);
  if (trained.head.encoding(trained.headParams) !== null) {
    throw new RangeError(
      `Cannot sharpen ${heads}: a ${trained.head.kind} head makes features of its own of hidden states; train a linear or low-rank one`,
    );
  }
  await createDirectory(folder);
  const made: Tensor[] = [];
  const times = (tensor: Tensor, factor: number) => {
    const scaled = affine(tensor, factor, 0);
    made.push(scaled);
    return scaled;
  };
  try {
    const { headParams, gateParams } = trained;
    const params: TrainedParams = {
      head: headParams.bias == null ? headParams : { ...headParams, bias: times(headParams.bias, sharpness) },
      gate: Object.fromEntries(
        Object.entries(gateParams).map(([part, tensor]) => {
          const projects = part === "query" || part === "key" || part === "value";
          return [part, projects ? times(tensor, 1 / sharpness) : tensor];
        }),
      ),
    };
    const settings = { ...description.settings, trainedBeforeSharpeningBy: sharpness };
    await saveHeads(folder, params, { ...description, backboneSha256: loaded.sha256, settings });
  } finally {
    for (const tensor of made) tensor.dispose();
  }
}
