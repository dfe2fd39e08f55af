// The LLaMA block and its two views: over segments with gradients, and over slots of a cache. One block serves both;
// they differ only in which keys a query is shown. Knows no file and no tokenizer.
import {
  type Backbone,
  checkTokens,
  createKvCache,
  type KvCache,
  type KvCacheExtent,
  type TokenBatch,
  TokenError,
} from "@dual-head/backbone";
import {
  add,
  attention,
  causalRanges,
  gatherRows,
  matmul,
  project,
  rmsNorm,
  rope,
  type Segments,
  SlotError,
  segmentPositions,
  swiglu,
  type Tensor,
} from "@dual-head/tensor-core";
import type { LlamaConfig } from "./config.ts";
import type { Linear, LlamaLayer, LlamaParams } from "./params.ts";
import { ropeRotation } from "./rope.ts";
import { exactPositions } from "./rope-scaling.ts";

/** How a layer's queries see keys: given its fresh keys and values, the rows to attend to. */
type KeyView = (layer: number, keys: Tensor, values: Tensor) => { readonly keys: Tensor; readonly values: Tensor };

/** Creates the backbone of a config; parameters are given to each call. */
export function createLlama(config: LlamaConfig): Backbone<LlamaParams> {
  const keySize = config.groupCount * config.headSize;
  const window = config.window ?? Number.POSITIVE_INFINITY;
  return {
    config,
    lmHead: (params) => ({ kind: "linear", weight: params.lmHead ?? params.embedding, bias: null }),
    hidden(params: LlamaParams, tokens: Uint32Array, segments: Segments): Tensor {
      const positions = segmentPositions(segments);
      checkAngles(config, positions);
      checkTokens(config, tokens, positions);
      return run(config, params, tokens, positions, causalRanges(segments, window), (_, keys, values) => ({
        keys,
        values,
      }));
    },
    createCache(device, extent: KvCacheExtent): KvCache {
      const { capacity } = extent;
      if (capacity > config.maxTokens) {
        throw new SlotError(
          `Cannot create a cache of capacity ${capacity}: the model has ${config.maxTokens} positions; ask for at most those`,
        );
      }
      return createKvCache(device, {
        ...extent,
        window: config.window ?? undefined,
        layerCount: config.layerCount,
        keySize,
        valueSize: keySize,
      });
    },
    extend(params: LlamaParams, batch: TokenBatch, cache: KvCache): Tensor {
      checkAngles(config, batch.positions);
      checkTokens(config, batch.tokens, batch.positions);
      cache.extend(batch);
      const ranges = cache.ranges(batch);
      return run(config, params, batch.tokens, batch.positions, ranges, (layer, keys, values) => {
        cache.write(layer, keys, values, batch);
        return { keys: cache.keys(layer), values: cache.values(layer) };
      });
    },
  };
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

function run(
  config: LlamaConfig,
  params: LlamaParams,
  tokens: Uint32Array,
  positions: Uint32Array,
  ranges: Uint32Array,
  view: KeyView,
): Tensor {
  const { device } = params.embedding;
  return device.scope(() => {
    const rowCount = tokens.length;
    const rotation = device.tensor(ropeRotation(config, positions), [rowCount, config.rotarySize ?? config.headSize]);
    const visible = device.tensor(ranges, [rowCount, ranges.length / rowCount]);
    let x = gatherRows(params.embedding, device.tensor(tokens, [rowCount]));
    for (const [index, layer] of params.layers.entries()) {
      const next = device.scope(() => block(config, layer, index, x, rotation, visible, view));
      // A tape that needs it holds a handle of its own.
      x.dispose();
      x = next;
    }
    return rmsNorm(x, params.finalNorm, config.normEpsilon);
  });
}

/** x + attention, then + feed-forward, each behind its norm; x [N, D]. */
function block(
  { headCount, groupCount, headSize, normEpsilon }: LlamaConfig,
  layer: LlamaLayer<Tensor>,
  index: number,
  x: Tensor,
  rotation: Tensor,
  visible: Tensor,
  view: KeyView,
): Tensor {
  const normed = rmsNorm(x, layer.attentionNorm, normEpsilon);
  const query = rope(linear(normed, layer.query), rotation, headSize);
  const { keys, values } = view(
    index,
    rope(linear(normed, layer.key), rotation, headSize),
    linear(normed, layer.value),
  );
  const attended = attention(query, keys, values, visible, { headCount, groupCount, scale: 1 / Math.sqrt(headSize) });
  const middle = add(x, linear(attended, layer.output));
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
