// Prefixes that were computed once: pages of keys, values and final hidden states by the tokens they stand for, bounded
// by bytes, the least recently used given up first. Knows no head: whoever needs a gate's history computes it anew.
import type { Device, Page, Slot } from "@dual-head/tensor-core";
import type { Backbone } from "./backbone.ts";
import type { KvCache, KvCacheExtent } from "./kv-cache.ts";

/** Extents of the cache that sequences and prefixes share, and the most bytes of prefixes. */
export interface PrefixCacheOptions extends Omit<KvCacheExtent, "hiddenSize" | "spareRows"> {
  /** Bytes of keys, values and hidden states that prefixes may take beside the slots; allocated at once. */
  readonly prefixBytes: number;
}

/**
 * Pages of prefixes beside the slots of one KV cache. It belongs to one backbone with one set of parameters; policies of
 * any heads may share it, since it holds what lies below the heads.
 */
export interface PrefixCache extends Disposable {
  /** The cache with the pages; sequences that share them have their slots here. */
  readonly cache: KvCache;
  /** Bytes of prefixes held now, and the most there can be. */
  readonly bytes: number;
  readonly maxBytes: number;
  /** Pages of the longest prefix held of these tokens, oldest first: pages·pageSize of them need no backbone. */
  match(tokens: readonly number[]): readonly Page[];
  /** Keeps the full pages of a slot that holds exactly these tokens, as far as it still has their rows. */
  store(slot: Slot, tokens: readonly number[]): void;
  /** Gives up all prefixes; slots keep what they share. */
  clear(): void;
}

/** One page of a prefix, after the pages of its ancestors. */
interface Node {
  readonly page: Page;
  readonly parent: Node | null;
  readonly key: string;
  readonly children: Map<string, Node>;
}

/** Creates the shared cache of a backbone; the caller disposes it, after the policies that use it. */
export function createPrefixCache<Params>(
  backbone: Backbone<Params>,
  device: Device,
  options: PrefixCacheOptions,
): PrefixCache {
  const { prefixBytes, ...extents } = options;
  const { hiddenSize } = backbone.config;
  // What a row takes is the backbone's secret: one row tells.
  const probe = backbone.createCache(device, { slotCount: 1, capacity: 1, hiddenSize });
  const { bytesPerRow } = probe;
  probe[Symbol.dispose]();
  const spareRows = Math.floor(prefixBytes / bytesPerRow);
  const cache = backbone.createCache(device, { ...extents, hiddenSize, spareRows });
  return new PageTrie(cache, Math.floor(spareRows / cache.pageSize));
}

class PageTrie implements PrefixCache {
  readonly cache: KvCache;
  readonly #maxPages: number;
  readonly #roots = new Map<string, Node>();
  /** All nodes, the least recently used first; a node is always older than its parent, so that the first has no child. */
  readonly #nodes = new Set<Node>();

  constructor(cache: KvCache, maxPages: number) {
    this.cache = cache;
    this.#maxPages = maxPages;
  }

  get bytes(): number {
    return this.#nodes.size * this.#pageBytes;
  }

  get maxBytes(): number {
    return this.#maxPages * this.#pageBytes;
  }

  get #pageBytes(): number {
    return this.cache.pageSize * this.cache.bytesPerRow;
  }

  match(tokens: readonly number[]): readonly Page[] {
    const pages: Page[] = [];
    let node = null as Node | null;
    for (const key of this.#keysOf(tokens)) {
      const next: Node | undefined = (node?.children ?? this.#roots).get(key);
      if (next === undefined) break;
      pages.push(next.page);
      node = next;
    }
    this.#touch(node);
    return pages;
  }

  store(slot: Slot, tokens: readonly number[]): void {
    let node = null as Node | null;
    for (const [index, key] of this.#keysOf(tokens).entries()) {
      const siblings: Map<string, Node> = node?.children ?? this.#roots;
      let next = siblings.get(key);
      if (next === undefined) {
        this.#touch(node);
        if (!this.#makeRoom(node)) return;
        const page = this.cache.hold(slot, index);
        // The window has passed it by.
        if (page === null) return;
        next = { page, parent: node, key, children: new Map() };
        siblings.set(key, next);
        this.#nodes.add(next);
      }
      node = next;
    }
    this.#touch(node);
  }

  clear(): void {
    for (const { page } of this.#nodes) this.cache.release(page);
    this.#nodes.clear();
    this.#roots.clear();
  }

  [Symbol.dispose](): void {
    this.#nodes.clear();
    this.#roots.clear();
    this.cache[Symbol.dispose]();
  }

  /** One key a full page. */
  #keysOf(tokens: readonly number[]): readonly string[] {
    const { pageSize } = this.cache;
    return Array.from({ length: Math.floor(tokens.length / pageSize) }, (_, page) =>
      tokens.slice(page * pageSize, (page + 1) * pageSize).join(),
    );
  }

  /** Makes a node and its ancestors the last used, the root last of all. */
  #touch(leaf: Node | null): void {
    for (let node = leaf; node !== null; node = node.parent) {
      this.#nodes.delete(node);
      this.#nodes.add(node);
    }
  }

  /** Gives up the least recently used page where all are taken; false where that is `last` or before it. */
  #makeRoom(last: Node | null): boolean {
    if (this.#nodes.size < this.#maxPages) return true;
    const [oldest] = this.#nodes;
    if (oldest === undefined || oldest === last) return false;
    this.#nodes.delete(oldest);
    (oldest.parent?.children ?? this.#roots).delete(oldest.key);
    this.cache.release(oldest.page);
    return true;
  }
}
