// The GPT-2 block: LayerNorm before attention and before the feed-forward, learned positions, biases everywhere. Knows no
// file and no tokenizer.
import { type Backbone, createDecoder } from "@dual-head/backbone";
import { add, gatherRows, layerNorm, matmul, type Tensor, unary } from "@dual-head/tensor-core";
import type { Gpt2Config } from "./config.ts";
import type { Gpt2Linear, Gpt2Norm, Gpt2Params } from "./params.ts";

/** Creates the backbone of a config; parameters are given to each call. */
export function createGpt2(config: Gpt2Config): Backbone<Gpt2Params> {
  const { hiddenSize, headCount, normEpsilon } = config;
  const norm = (x: Tensor, { weight, bias }: Gpt2Norm<Tensor>) => layerNorm(x, weight, bias, normEpsilon);
  const scaleOf = (layer: number) =>
    (config.scaledScores ? 1 / Math.sqrt(hiddenSize / headCount) : 1) / (config.scoresByLayer ? layer + 1 : 1);
  return createDecoder<Gpt2Params>({
    config,
    keySize: hiddenSize,
    valueSize: hiddenSize,
    window: null,
    lmHead: (params) => ({ kind: "linear", weight: params.lmHead ?? params.embedding, bias: null }),
    deviceOf: (params) => params.embedding.device,
    begin: (params, tokens, positions) => ({
      embedded: add(
        gatherRows(params.embedding, tokens),
        gatherRows(
          params.positions,
          tokens.device.tensor(() => positions, [positions.length]),
        ),
      ),
      block(index, x, attend) {
        const layer = params.layers[index]!;
        const normed = norm(x, layer.attentionNorm);
        const [query, key, value] = [layer.query, layer.key, layer.value].map((map) => linear(normed, map));
        const attended = attend(query!, key!, value!, { headCount, groupCount: headCount, scale: scaleOf(index) });
        const middle = add(x, linear(attended, layer.output));
        const inner = unary("geluTanh", linear(norm(middle, layer.feedForwardNorm), layer.up));
        return add(middle, linear(inner, layer.down));
      },
      finish: (x) => norm(x, params.finalNorm),
    }),
  });
}

function linear(x: Tensor, { weight, bias }: Gpt2Linear<Tensor>): Tensor {
  return add(matmul(x, weight, { transposeB: true }), bias);
}
