// What every decoder-only transformer does alike: checks, key ranges, the cache, one block after the other. Knows no
// block: a model says how it embeds, what a block computes and how it ends.
import {
  type AttentionAttrs,
  attention,
  causalRanges,
  type Device,
  type Projection,
  type Segments,
  SlotError,
  segmentPositions,
  type Tensor,
} from "@dual-head/tensor-core";
import { type Backbone, type BackboneConfig, checkTokens, type TokenBatch } from "./backbone.ts";
import { createKvCache, type KvCache, type KvCacheExtent } from "./kv-cache.ts";

/** Attention of fresh queries [N, H·K] over what they may see: fresh keys and values, and those cached before. */
export type Attend = (query: Tensor, key: Tensor, value: Tensor, attrs: AttentionAttrs) => Tensor;

/** One run of a model over N rows, inside a scope of its device. */
export interface DecoderRun {
  /** What enters the first block, [N, D]. */
  readonly embedded: Tensor;
  /** Block `layer` of x [N, D]; runs in a scope of its own. */
  block(layer: number, x: Tensor, attend: Attend): Tensor;
  /** Hidden states [N, D] of what leaves the last block. */
  finish(x: Tensor): Tensor;
}

/** A decoder-only transformer without the parts that all of them share. */
export interface DecoderModel<Params> {
  readonly config: BackboneConfig;
  /** Widths of one layer's cached rows, all heads together. */
  readonly keySize: number;
  readonly valueSize: number;
  /** The most keys a query sees, its own included; null for all. */
  readonly window: number | null;
  /** The model's own head; shares memory with `params`. */
  lmHead(params: Params): Projection;
  /** The device that holds the parameters. */
  deviceOf(params: Params): Device;
  /** Throws TokenError for positions that the model cannot run though the config counts them. */
  checkPositions?(positions: Uint32Array): void;
  /** Begins a run: `tokens` is u32 [N]; uploads what depends on positions by a function, as they change between runs. */
  begin(params: Params, tokens: Tensor, positions: Uint32Array): DecoderRun;
}

/** Where a layer's attention finds keys and values, given the fresh ones. */
type KeyView = (layer: number, keys: Tensor, values: Tensor) => { readonly keys: Tensor; readonly values: Tensor };

/** Creates the backbone of a model: its two views, which differ only in which keys a query is shown. */
export function createDecoder<Params>(model: DecoderModel<Params>): Backbone<Params> {
  const { config, keySize, valueSize } = model;
  const window = model.window ?? Number.POSITIVE_INFINITY;
  const check = (tokens: Uint32Array, positions: Uint32Array) => {
    model.checkPositions?.(positions);
    checkTokens(config, tokens, positions);
  };
  return {
    config,
    lmHead: (params) => model.lmHead(params),
    hidden(params: Params, tokens: Uint32Array, segments: Segments): Tensor {
      const positions = segmentPositions(segments);
      check(tokens, positions);
      const ranges = () => causalRanges(segments, window);
      return run(model, params, { tokens, positions }, ranges, (_, keys, values) => ({ keys, values }));
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
        window: model.window ?? undefined,
        layerCount: config.layerCount,
        keySize,
        valueSize,
      });
    },
    extend(params: Params, batch: TokenBatch, cache: KvCache): Tensor {
      model.deviceOf(params).host(() => check(batch.tokens, batch.positions));
      cache.extend(batch);
      const ranges = () => cache.ranges(batch);
      return run(model, params, batch, ranges, (layer, keys, values) => {
        cache.write(layer, keys, values, batch);
        return { keys: cache.keys(layer), values: cache.values(layer) };
      });
    },
  };
}

function run<Params>(
  model: DecoderModel<Params>,
  params: Params,
  { tokens, positions }: { readonly tokens: Uint32Array; readonly positions: Uint32Array },
  ranges: () => Uint32Array,
  view: KeyView,
): Tensor {
  const device = model.deviceOf(params);
  const rowCount = tokens.length;
  return device.scope(() => {
    const visible = device.tensor(ranges, [rowCount, -1]);
    const ids = device.tensor(() => tokens, [rowCount]);
    const current = model.begin(params, ids, positions);
    let x = current.embedded;
    for (let layer = 0; layer < model.config.layerCount; layer++) {
      const attend: Attend = (query, key, value, attrs) => {
        const { keys, values } = view(layer, key, value);
        return attention(query, keys, values, visible, attrs);
      };
      const next = device.scope(() => current.block(layer, x, attend));
      // A tape that needs it holds a handle of its own.
      x.dispose();
      x = next;
    }
    return current.finish(x);
  });
}
