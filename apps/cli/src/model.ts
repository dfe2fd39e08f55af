// A model and its heads opened as one decode policy: the only place where implementations are put together.
// Knows no command.
import { createPrefixCache, type WeightDtype } from "@dual-head/backbone";
import type { MixingMode } from "@dual-head/gating";
import { createBasePolicy, createDualHeadPolicy, policyHead } from "@dual-head/methods";
import type { Controls, DecodePolicy, Detokenizer } from "@dual-head/sampler";
import { type Device, type DeviceName, openDevice } from "@dual-head/tensor-core";
import type { Tokenizer } from "@dual-head/tokenizer";
import { type LoadedHeads, loadHeads, trainedMixing } from "@dual-head/train";
import {
  checkCaches,
  checkContext,
  chooseContext,
  chunkSize,
  historyBytes,
  keyBytes,
  prefixBytes,
  prefixCacheBytes,
  roomOn,
} from "./context.ts";
import { createProgress, formatBytes, type Io, UsageError } from "./io.ts";
import { attachAdapter, type LoadedModel, loadModel } from "./load-model.ts";
import { locate } from "./locate.ts";
import { openTokenizer } from "./open-tokenizer.ts";
import { type HeadsOption, headWeights } from "./options.ts";

/** What a command says of the model it wants. */
export interface ModelOptions {
  readonly model: string;
  /** A tokenizer in the place of the model's own. */
  readonly tokenizer?: string | undefined;
  readonly dtype?: WeightDtype | undefined;
  /** A PEFT folder of low-rank changes, attached to the model; not together with heads, which know the model alone. */
  readonly adapter?: string | undefined;
  readonly heads?: readonly HeadsOption[] | undefined;
  /** Keys of the config that change no logit though nobody here knows them. */
  readonly ignoreConfigKey?: readonly string[] | undefined;
  /** The most tokens of a sequence; as many as the model reads where it is left out. */
  readonly context?: number | undefined;
  readonly mixing?: MixingMode | undefined;
  readonly device?: "auto" | DeviceName | undefined;
  readonly threads?: number | undefined;
}

/** What a policy may be asked for. */
export interface PolicyOptions {
  /** Whether what was fed once is kept, for later sequences that begin alike. */
  readonly keepsPrefixes?: boolean;
}

/** A model ready to decode. Disposing it frees everything, the device too. */
export interface OpenModel extends Disposable {
  readonly device: Device;
  readonly loaded: LoadedModel;
  /** Null where there is none: token ids are then all there is. */
  readonly tokenizer: Tokenizer | null;
  /** Where the tokenizer was looked for. */
  readonly tokenizerPath: string;
  readonly headWeights: readonly number[];
  /** The most tokens of a sequence. */
  readonly maxTokens: number;
  /**
   * Tokens to hold of what grows without an end in sight, with its prefixes: as many as were asked for, else what there is
   * room for.
   */
  chooseContext(): number;
  /**
   * A policy for sequences of up to `capacity` tokens, at most `maxTokens`; disposed with the model.
   *
   * @throws UsageError where there is no room for its caches
   */
  createPolicy(capacity: number, slotCount?: number, options?: PolicyOptions): DecodePolicy;
}

/** Opens a device as the options say, and tells which one it is and, where it was not named, why. */
export async function openDeviceFor(
  { device: name = "auto", threads, kernels }: Pick<ModelOptions, "device" | "threads"> & { readonly kernels?: string },
  io: Io,
): Promise<Device> {
  const device = await openDevice(name, {
    ...(threads === undefined ? {} : { threads }),
    ...(kernels === undefined ? {} : { variant: kernels }),
  });
  const why = name === "auto" ? `; ${device.why.split(";")[0]}` : "";
  io.note(`device: ${device.name}, ${device.info.description}${why}
`);
  return device;
}

/** Loads model, tokenizer and heads; on failure everything opened so far is freed. */
export async function openModel(options: ModelOptions, io: Io): Promise<OpenModel> {
  const weights = headWeights(options.heads ?? []);
  if (options.adapter !== undefined && weights.length > 0) {
    throw new UsageError("Cannot use heads with --adapter: they were trained on the model without it; leave one out");
  }
  const modelPath = await locate(options.model, "model", io);
  const tokenizerPath = options.tokenizer === undefined ? modelPath : await locate(options.tokenizer, "tokenizer", io);
  const adapter = options.adapter === undefined ? null : await locate(options.adapter, "adapter", io);
  const headsPaths: string[] = [];
  for (const { directory } of options.heads ?? []) headsPaths.push(await locate(directory, "heads", io));
  const resources = new Resources();
  try {
    const device = resources.use(await openDeviceFor(options, io));
    const progress = createProgress(io);
    const base = resources.use(
      await loadModel(modelPath, device, {
        dtype: options.dtype,
        ignoreConfigKeys: options.ignoreConfigKey,
        signal: io.signal,
        onProgress: ({ loadedBytes, totalBytes }) =>
          progress.show(`loading ${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)}`),
      }),
    );
    progress.end();
    const loaded = adapter === null ? base : resources.use(await attachAdapter(base, adapter, device));
    const tokenizer = await openTokenizer(tokenizerPath);
    if (tokenizer === null && options.tokenizer !== undefined) {
      throw new UsageError(
        `Cannot open the tokenizer ${options.tokenizer}: it is none that can be read; name a folder, or a file that ends in .json, .model, .gguf or tok*.bin`,
      );
    }
    if (tokenizer !== null && tokenizer.vocabSize > loaded.config.vocabSize) {
      throw new UsageError(
        `Cannot use the tokenizer of ${options.tokenizer ?? options.model}: it has ${tokenizer.vocabSize} tokens but the model has ${loaded.config.vocabSize}; use the tokenizer the model was trained with`,
      );
    }
    const heads: LoadedHeads[] = [];
    for (const path of headsPaths) {
      heads.push(
        resources.use(
          await loadHeads(
            path,
            device,
            {
              backboneSha256: loaded.sha256,
              tokenizerSha256: tokenizer?.sha256,
              hiddenSize: loaded.config.hiddenSize,
              vocabSize: loaded.config.vocabSize,
            },
            { dtype: loaded.dtype },
          ),
        ),
      );
    }
    const { backbone, params, config, description } = loaded;
    const lmHead = backbone.lmHead(params);
    const maxTokens = checkContext(options.context ?? config.maxTokens, config.maxTokens);
    const descriptions = heads.map(({ description }) => description);
    const numberBytes = device.floatDtype === "f64" ? 8 : 4;
    const mixing = options.mixing ?? mixingOf(heads);
    const bytesOf = (tokenCount: number) =>
      keyBytes(description, tokenCount, numberBytes) + historyBytes(descriptions, tokenCount, numberBytes);
    return {
      device,
      loaded,
      tokenizer,
      tokenizerPath,
      headWeights: weights,
      maxTokens,
      chooseContext: () =>
        chooseContext(
          options.context,
          config.maxTokens,
          (tokenCount) => bytesOf(tokenCount) + prefixCacheBytes(description, tokenCount, numberBytes),
          roomOn(device),
        ),
      createPolicy: (wanted, slotCount = 1, { keepsPrefixes = false } = {}) => {
        const capacity = Math.min(wanted, maxTokens);
        const kept = keepsPrefixes ? prefixCacheBytes(description, capacity, numberBytes) : 0;
        checkCaches(capacity * slotCount, (bytesOf(capacity) + kept) * slotCount, roomOn(device));
        const extents = { slotCount, capacity, chunkSize };
        const prefixCache = keepsPrefixes
          ? resources.use(
              createPrefixCache(backbone, device, {
                ...extents,
                prefixBytes: slotCount * prefixBytes(description, capacity, numberBytes),
              }),
            )
          : undefined;
        const common = { backbone, params, device, ...extents, prefixCache };
        if (heads.length === 0) return resources.use(createBasePolicy(common));
        return resources.use(
          createDualHeadPolicy({
            ...common,
            heads: heads.map((loaded, index) => policyHead(options.heads![index]!.directory, loaded, lmHead)),
            mixing,
          }),
        );
      },
      [Symbol.dispose]: () => resources.dispose(),
    };
  } catch (error) {
    resources.dispose();
    throw error;
  }
}

/** The mode that all heads were trained in; convex without heads. */
function mixingOf(heads: readonly LoadedHeads[]): MixingMode {
  const modes = [...new Set(heads.map(({ description }) => trainedMixing(description)))];
  if (modes.length <= 1) return modes[0] ?? "convex";
  throw new UsageError(
    `Cannot mix the heads: they were trained in the modes ${modes.join(" and ")}, and one fusion has one; choose it by --mixing`,
  );
}

/** The prompt of a command as token ids: raw ids as they are, text through the tokenizer. */
export function promptTokens(
  { tokenizer, loaded }: OpenModel,
  source: { readonly text?: string | undefined; readonly tokens?: readonly number[] | undefined },
): readonly number[] {
  const { text, tokens } = source;
  if ((text === undefined) === (tokens === undefined)) {
    throw new UsageError("Cannot read the input: give either text or --tokens, not both and not none");
  }
  if (tokens !== undefined) {
    const wrong = tokens.find((id) => id >= loaded.config.vocabSize);
    if (wrong !== undefined)
      throw new UsageError(`Cannot use token ${wrong}: ids of this model are below ${loaded.config.vocabSize}`);
    return tokens;
  }
  if (tokenizer === null)
    throw new UsageError(
      "Cannot read text: the model has no tokenizer; name one with --tokenizer, or give token ids with --tokens",
    );
  const ids = [...tokenizer.encode(text!)];
  if (ids.length === 0) {
    if (loaded.generation.bosTokenId === null)
      throw new UsageError("Cannot start from empty text: this model has no begin-of-text token; give some text");
    return [loaded.generation.bosTokenId];
  }
  return ids;
}

/** Throws where a sequence is longer than what the model reads, or than --context. */
export function checkLength({ loaded, maxTokens }: OpenModel, ids: readonly number[]): void {
  if (ids.length <= maxTokens) return;
  const [limit, remedy] =
    maxTokens < loaded.config.maxTokens
      ? [`--context is ${maxTokens}`, "raise it, or shorten the text"]
      : [`this model reads ${maxTokens}`, "shorten the text"];
  throw new UsageError(`Cannot read ${ids.length} tokens: ${limit}; ${remedy}`);
}

/** A detokeniser that continues `prompt`: its first output is the text after it. */
export function continuation(tokenizer: Tokenizer | null, prompt: readonly number[]): () => Detokenizer {
  return () => {
    if (tokenizer === null) return { push: () => "", flush: () => "" };
    const stream = tokenizer.createStream();
    for (const id of prompt) stream.push(id);
    return stream;
  };
}

/** The tokens that end a text: those of the model and of its tokenizer, within the model's vocabulary. */
export function stopTokensOf({
  tokenizer,
  loaded,
}: Pick<OpenModel, "tokenizer"> & { readonly loaded: Pick<LoadedModel, "config" | "generation"> }): readonly number[] {
  const ids = new Set([...loaded.generation.eosTokenIds, ...(tokenizer?.eosTokens ?? [])]);
  return [...ids].filter((id) => id < loaded.config.vocabSize);
}

/** The text of one token, or null without a tokenizer. */
export function textOf(tokenizer: Tokenizer | null, id: number): string | null {
  return tokenizer === null ? null : tokenizer.tokenText(id);
}

/** Controls from the options of a command: `alpha` overrides the gate by equal bounds. */
export function controlsFrom(
  options: { strength?: number | undefined; alpha?: number | undefined },
  weights: readonly number[],
): Controls {
  return {
    strength: options.strength ?? 1,
    ...(options.alpha === undefined ? {} : { alphaMin: options.alpha, alphaMax: options.alpha }),
    ...(weights.length === 0 ? {} : { weights }),
  };
}

class Resources {
  readonly #resources: Disposable[] = [];
  use<Resource extends Disposable>(resource: Resource): Resource {
    this.#resources.push(resource);
    return resource;
  }
  dispose(): void {
    for (const resource of this.#resources.splice(0).reverse()) resource[Symbol.dispose]();
  }
}
