// The LLaMA block: RMSNorm before attention and before the feed-forward, rotary embeddings, shared key and value heads,
// SwiGLU. Knows no file and no tokenizer.
import { type Attend, type Backbone, createDecoder, TokenError } from "@dual-head/backbone";
import { add, gatherRows, matmul, project, rmsNorm, rope, swiglu, type Tensor } from "@dual-head/tensor-core";
import type { LlamaConfig } from "./config.ts";
import type { Linear, LlamaLayer, LlamaParams } from "./params.ts";
import { ropeRotation } from "./rope.ts";
import { exactPositions } from "./rope-scaling.ts";

/** Creates the backbone of a config; parameters are given to each call. */
export function createLlama(config: LlamaConfig): Backbone<LlamaParams> {
  const keySize = config.groupCount * config.headSize;
  return createDecoder<LlamaParams>({
    config,
    keySize,
    valueSize: keySize,
    window: config.window,
    lmHead: (params) => ({ kind: "linear", weight: params.lmHead ?? params.embedding, bias: null }),
    deviceOf: (params) => params.embedding.device,
    checkPositions: (positions) => checkAngles(config, positions),
    begin(params, tokens, positions) {
      const shape = [positions.length, config.rotarySize ?? config.headSize];
      const rotation = tokens.device.tensor(() => ropeRotation(config, positions), shape);
      return {
        embedded: gatherRows(params.embedding, tokens),
        block: (layer, x, attend) => block(config, params.layers[layer]!, x, rotation, attend),
        finish: (x) => rmsNorm(x, params.finalNorm, config.normEpsilon),
      };
    },
  });
}

/** Throws where a sequence passes the positions at which its angles no longer depend on its position alone. */
function checkAngles({ ropeScaling }: LlamaConfig, positions: Uint32Array): void {
  const exact = exactPositions(ropeScaling);
  const row = exact === null ? -1 : positions.findIndex((position) => position >= exact);
  if (row === -1) return;
  throw new TokenError(
    row,
    `position ${positions[row]} is not below the ${exact} positions of this model: past them its rope_scaling of type ${ropeScaling!.type} would turn keys already cached anew; shorten the sequence`,
  );
}

/** x + attention, then + feed-forward, each behind its norm; x [N, D]. */
function block(
  { headCount, groupCount, headSize, normEpsilon }: LlamaConfig,
  layer: LlamaLayer<Tensor>,
  x: Tensor,
  rotation: Tensor,
  attend: Attend,
): Tensor {
  const normed = rmsNorm(x, layer.attentionNorm, normEpsilon);
  const query = rope(linear(normed, layer.query), rotation, headSize);
  const key = rope(linear(normed, layer.key), rotation, headSize);
  const scales = { headCount, groupCount, scale: 1 / Math.sqrt(headSize) };
  const middle = add(x, linear(attend(query, key, linear(normed, layer.value), scales), layer.output));
  const inner = rmsNorm(middle, layer.feedForwardNorm, normEpsilon);
  return add(middle, linear(swiglu(linear(inner, layer.gate), linear(inner, layer.up)), layer.down));
}

/** y [N, out] of x [N, in]; the change of low rank is computed beside the weight, which may be packed. */
export function linear(x: Tensor, { weight, bias, delta }: Linear<Tensor>): Tensor {
  const terms = [{ features: x, weight }];
  if (delta !== undefined) terms.push({ features: matmul(x, delta.a, { transposeB: true }), weight: delta.b });
  const y = delta === undefined ? matmul(x, weight, { transposeB: true }) : project(terms);
  return bias === null ? y : add(y, bias);
}
