// Embeddings by a backbone at hand: the mean of its final hidden states over a text. Knows no architecture, no tokenizer.
import type { Backbone } from "@dual-head/backbone";
import { type Device, segmentsOf } from "@dual-head/tensor-core";
import { checkCount, MetricError } from "../metric-error.ts";
import type { Embedder } from "./embedder.ts";

const metric = "embeddings";

/** What embeddings are made of. */
export interface HiddenStateEmbedderOptions<Params> {
  /** The model, for reports; the embedder is called `mean hidden state of …`. */
  readonly model: string;
  readonly backbone: Backbone<Params>;
  readonly params: Params;
  readonly device: Device;
  /** Tokens of a text; at least one. */
  readonly encode: (text: string) => ArrayLike<number>;
  /** The most tokens of one batch, but for a text that is longer by itself; default 2048. */
  readonly tokensPerBatch?: number | undefined;
  /** Told of each text of which only the first tokens fit the model; without it such a text is an error. */
  readonly onCut?: ((text: string, tokens: number) => void) | undefined;
}

/**
 * An embedder of mean hidden states: Σ_t h_t / T over the tokens of a text, h after the final norm, [D]. It needs no
 * download, and is a weaker measure of meaning than a model trained for sentences.
 *
 * @throws MetricError ("bad-options") where the batch has no room; by `embed` where a text has no token ("empty") or more than
 * the model reads ("out-of-range")
 */
export function createHiddenStateEmbedder<Params>(options: HiddenStateEmbedderOptions<Params>): Embedder {
  const { model, backbone, params, device, encode, tokensPerBatch = 2048, onCut } = options;
  checkCount(metric, "tokensPerBatch", tokensPerBatch, 1);
  const { hiddenSize, maxTokens } = backbone.config;

  function tokensOf(text: string, index: number): readonly number[] {
    const tokens = Array.from(encode(text));
    if (tokens.length === 0) {
      throw new MetricError(metric, "empty", `text ${index} has no token; give it a begin-of-text token`, index);
    }
    if (tokens.length <= maxTokens) return tokens;
    if (onCut === undefined) {
      const reason = `text ${index} has ${tokens.length} tokens and the model reads ${maxTokens}; give onCut to cut it`;
      throw new MetricError(metric, "out-of-range", reason, index);
    }
    onCut(text, tokens.length);
    return tokens.slice(0, maxTokens);
  }

  async function embedBatch(texts: readonly (readonly number[])[]): Promise<readonly Float64Array[]> {
    const segments = segmentsOf(texts.map(({ length }) => length));
    using hidden = device.scope(() => backbone.hidden(params, Uint32Array.from(texts.flat()), segments));
    const values = await hidden.read();
    return texts.map((_, index) => {
      const [from, to] = [segments.offsets[index]!, segments.offsets[index + 1]!];
      const mean = new Float64Array(hiddenSize);
      for (let row = from; row < to; row++) {
        for (let at = 0; at < hiddenSize; at++) mean[at]! += values[row * hiddenSize + at]! / (to - from);
      }
      return mean;
    });
  }

  return {
    name: `mean hidden state of ${model}`,
    async embed(texts, signal) {
      const tokens = texts.map(tokensOf);
      const vectors: Float64Array[] = [];
      while (vectors.length < tokens.length) {
        signal?.throwIfAborted();
        const start = vectors.length;
        let end = start + 1;
        let size = tokens[start]!.length;
        while (end < tokens.length && size + tokens[end]!.length <= tokensPerBatch) size += tokens[end++]!.length;
        vectors.push(...(await embedBatch(tokens.slice(start, end))));
      }
      return vectors;
    },
  };
}
