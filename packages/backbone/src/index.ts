// Public names of backbone.
export {
  type Backbone,
  type BackboneConfig,
  checkTokens,
  createTokenBatch,
  type SlotTokens,
  type TokenBatch,
  TokenError,
} from "./backbone.ts";
export { createKvCache, type KvCache, type KvCacheExtent, type KvCacheOptions } from "./kv-cache.ts";
