// Hidden states of examples, with the rows of a prompt kept once for all of its responses; knows no storage.
import { type Backbone, createTokenBatch, type KvCache, type SlotTokens } from "@dual-head/backbone";
import type { Device, Tensor } from "@dual-head/tensor-core";
import type { TokenisedExample } from "./tokenise.ts";

/** Hidden states of one example, row-major: [prompt length, D], and [response length − 1, D] of each response. */
export interface ExampleRows {
  readonly prompt: Float32Array;
  readonly responses: readonly Float32Array[];
}

/** Rows that an example has: of the prompt once, and of each response but its last token, which is never read. */
export function rowCountOfExample({ prompt, responses }: TokenisedExample): number {
  return responses.reduce((sum, response) => sum + response.length - 1, prompt.length);
}

/** Computes the rows of groups of examples with a cache of its own. */
export interface RowExtractor extends Disposable {
  /** Rows of each example of a group that `groupExamples` made. */
  extract(examples: readonly TokenisedExample[]): Promise<ExampleRows[]>;
}

/** Sequences in the cache at once: more would cost memory and gain little over the rows of a group. */
const slotCount = 8;

/**
 * Creates an extractor. A prompt is run once and its cache forked for each response.
 *
 * @param capacity positions of the longest sequence to come
 */
export function createRowExtractor<Params>(
  device: Device,
  backbone: Backbone<Params>,
  params: Params,
  capacity: number,
): RowExtractor {
  const { hiddenSize } = backbone.config;
  const cache = backbone.createCache(device, { slotCount, capacity });
  const run = async (entries: readonly SlotTokens[]): Promise<Float32Array[]> => {
    const wanted = entries.filter(({ tokens }) => tokens.length > 0);
    const values = wanted.length === 0 ? new Float32Array(0) : await rowsOf(backbone, params, wanted, cache);
    let at = 0;
    return entries.map(({ tokens }) => {
      at += tokens.length * hiddenSize;
      return values.slice(at - tokens.length * hiddenSize, at);
    });
  };
  return {
    async extract(examples) {
      const slots: number[] = [];
      const open = (slot: number) => {
        slots.push(slot);
        return slot;
      };
      try {
        const prompts = examples.map(({ prompt }) => ({ slot: open(cache.open()), tokens: [...prompt] }));
        const promptRows = await run(prompts);
        const continuations = examples.flatMap(({ responses }, index) =>
          responses.map((response, at) => ({
            slot: at === 0 ? prompts[index]!.slot : open(cache.fork(prompts[index]!.slot)),
            tokens: [...response.subarray(0, response.length - 1)],
          })),
        );
        const responseRows = await run(continuations);
        let next = 0;
        return examples.map(({ responses }, index) => ({
          prompt: promptRows[index]!,
          responses: responses.map(() => responseRows[next++]!),
        }));
      } finally {
        for (const slot of slots) cache.close(slot);
      }
    },
    [Symbol.dispose]: () => cache[Symbol.dispose](),
  };
}

async function rowsOf<Params>(
  backbone: Backbone<Params>,
  params: Params,
  entries: readonly SlotTokens[],
  cache: KvCache,
): Promise<Float32Array> {
  const hidden: Tensor = backbone.extend(
    params,
    createTokenBatch(entries, (slot) => cache.length(slot)),
    cache,
  );
  try {
    const values = await hidden.read();
    return values instanceof Float32Array ? values : Float32Array.from(values);
  } finally {
    hidden.dispose();
  }
}

/**
 * Cuts examples into runs of neighbours for `extract`: as many as have slots and at most `rowLimit` rows (one at
 * least). The same examples always give the same groups, so that an interrupted extraction goes on with equal bits.
 */
export function groupExamples(examples: readonly TokenisedExample[], rowLimit: number): TokenisedExample[][] {
  const groups: TokenisedExample[][] = [];
  let rows = 0;
  let sequences = 0;
  for (const example of examples) {
    const own = rowCountOfExample(example);
    if (groups.length === 0 || rows + own > rowLimit || sequences + example.responses.length > slotCount) {
      groups.push([]);
      rows = 0;
      sequences = 0;
    }
    groups.at(-1)!.push(example);
    rows += own;
    sequences += example.responses.length;
  }
  return groups;
}
