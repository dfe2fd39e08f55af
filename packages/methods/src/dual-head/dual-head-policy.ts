// The paper's decoding: one frozen backbone, its own head and any number of reward heads, each behind its gate, mixed
// per token under the controls of each sequence. Knows no file, no tokenizer and no sampling.
import type { Backbone, PrefixCache } from "@dual-head/backbone";
import { checkGateMode, checkRowControls, type GateParams, gateReader, type MixingMode } from "@dual-head/gating";
import {
  type Controls,
  checkEntries,
  type DecodePolicy,
  type ScoreOptions,
  type Sequence,
  type SequenceEntry,
  type Step,
  type TokenScores,
} from "@dual-head/sampler";
import { type Device, leavesOf, type NumericArray, Recordings, type Tensor } from "@dual-head/tensor-core";
import { PolicyError } from "../policy/errors.ts";
import { type FedPass, Feeder } from "../policy/feeder.ts";
import { HeldLogits, type Runner } from "../policy/held-logits.ts";
import { type GatedRows, pickRows } from "../policy/last-rows.ts";
import { createMixer, type Mixer, type ResolvedControls } from "../policy/mixer.ts";
import type { Piece } from "../policy/passes.ts";
import { checkHead, defaultControls, type PolicyHead } from "./policy-head.ts";

/** What a dual-head policy is made of. */
export interface DualHeadPolicyOptions<Params> {
  readonly backbone: Backbone<Params>;
  readonly params: Params;
  readonly device: Device;
  /** At least one; Controls.weights follow this order. */
  readonly heads: readonly PolicyHead[];
  readonly mixing: MixingMode;
  /** The most sequences open at once. */
  readonly slotCount: number;
  /** The most tokens of one sequence, at most the backbone's positions. */
  readonly capacity: number;
  /**
   * The most tokens that go through the backbone at once, 512 by default: longer prompts are fed in chunks, which bounds
   * the memory of activations, and the rows kept of a model with a sliding window.
   */
  readonly chunkSize?: number | undefined;
  /**
   * Where prefixes are looked up and kept: sequences have their slots in its cache, whatever their heads, and what was
   * fed once is not computed again. It stays the caller's and outlives the policy.
   */
  readonly prefixCache?: PrefixCache | undefined;
}

/**
 * Creates the policy z_t = mix(W_LM·h_t, W_RM·h_t; α_t) with α_t from the gates (E2 to E5), in the mode asked for.
 *
 * Controls belong to a sequence: sequences of different strength, bounds and weights decode in one batch. Strength 0, or
 * α bounded to 0, is the base model to the last bit in every mode. `Step.alpha` and `TokenScores.alpha` are effective:
 * Σ wᵢαᵢ after strength and bounds. `advance` projects each entry's last row only; `score` has [N, V] in memory only
 * where logits are asked for, and then in chunks of rows.
 *
 * @throws PolicyError where there is no head, a head does not fit the backbone, or extents cannot be
 * @throws GatingError where weights, or the mode with a gate, cannot be
 */
export function createDualHeadPolicy<Params>(options: DualHeadPolicyOptions<Params>): DecodePolicy {
  if (options.heads.length === 0) {
    throw new PolicyError("heads", "Cannot create a dual-head policy: it has no heads; give at least one, or use base");
  }
  return createHeadPolicy(options);
}

/** As createDualHeadPolicy, but without heads it is the base policy: both methods are this one mechanism. */
export function createHeadPolicy<Params>(options: DualHeadPolicyOptions<Params>): DecodePolicy {
  return new HeadPolicy(options);
}

/** Numbers of logits read at once by `score`: 16 MiB of float32. */
const readSize = 2 ** 22;
const defaultChunkSize = 512;

class HeadPolicy<Params> implements DecodePolicy {
  readonly vocabSize: number;
  readonly maxTokens: number;
  readonly slotCount: number;
  readonly #options: DualHeadPolicyOptions<Params>;
  readonly #defaults: ResolvedControls;
  readonly #foldedGates: readonly GateParams[];
  readonly #feeder: Feeder<Params, ResolvedControls>;
  readonly #mixer: Mixer;
  readonly #recordings: Recordings;
  /** Controls of the entries of an advance: what is recorded reads them. */
  readonly #stepControls: ResolvedControls[] = [];
  /** Of the last advance; what feeds the policy again ends it. */
  #held: HeldLogits | null = null;

  constructor(options: DualHeadPolicyOptions<Params>) {
    const { backbone, params, device, heads, mixing, slotCount, capacity, prefixCache } = options;
    const { chunkSize = defaultChunkSize } = options;
    const { vocabSize, hiddenSize, maxTokens } = backbone.config;
    checkExtent("slotCount", slotCount, Number.MAX_SAFE_INTEGER);
    checkExtent("capacity", capacity, Math.min(maxTokens, prefixCache?.cache.capacity ?? maxTokens));
    checkExtent("chunkSize", chunkSize, Number.MAX_SAFE_INTEGER, prefixCache?.cache.pageSize);
    for (const { gate } of heads) checkGateMode(mixing, gate);
    for (const head of heads) checkHead(head, vocabSize, hiddenSize);
    this.#options = options;
    this.vocabSize = vocabSize;
    this.maxTokens = capacity;
    this.slotCount = slotCount;
    this.#defaults = defaultControls(mixing, heads);
    this.#foldedGates = heads.map(({ gate, gateParams }) => gate.fold(gateParams));
    for (const leaf of this.#ownedTensors()) device.keep(leaf);
    const readers = heads.map(({ gate, gateParams, encoding = null }, head) => {
      return { gate: gateReader(gate, gateParams, this.#foldedGates[head]!), encoding };
    });
    this.#recordings = new Recordings(device);
    this.#feeder = new Feeder({
      backbone,
      params,
      device,
      heads: readers,
      slotCount,
      capacity,
      chunkSize,
      prefixCache,
      recordings: this.#recordings,
    });
    const projections = heads.map(({ projection }) => projection);
    this.#mixer = createMixer(device, mixing, backbone.lmHead(params), projections);
  }

  get cost(): { readonly forwards: number; readonly tokens: number; readonly rewardCalls: number } {
    return this.#feeder.cost;
  }
  open(controls: Controls = {}): Sequence {
    return this.#feeder.sequences.open(this.#resolve(controls));
  }
  setControls(sequence: Sequence, controls: Controls): void {
    this.#feeder.sequences.get(sequence).controls = this.#resolve(controls);
  }
  fork(sequence: Sequence): Sequence {
    return this.#feeder.sequences.fork(sequence);
  }
  truncate(sequence: Sequence, length: number): void {
    this.#feeder.truncate(sequence, length);
  }
  canTruncate(sequence: Sequence, length: number): boolean {
    return this.#feeder.canTruncate(sequence, length);
  }
  close(sequence: Sequence): void {
    this.#feeder.sequences.close(sequence);
  }
  length(sequence: Sequence): number {
    return this.#feeder.length(sequence);
  }
  heldLength(sequence: Sequence, tokens: readonly number[]): number {
    return this.#feeder.heldLength(sequence, tokens);
  }

  async advance(entries: readonly SequenceEntry[]): Promise<readonly Step[]> {
    checkEntries(this, entries);
    if (entries.length === 0) return [];
    const { device } = this.#options;
    const controls = this.#stepControls;
    controls.length = 0;
    for (const { sequence } of entries) controls.push(this.#feeder.sequences.get(sequence).controls);
    const { out, isStep } = device.scope(() =>
      this.#feeder.advance(entries, (last) => ({ last, ...this.#mixer.mixing(last, controls) })),
    );
    const { last, coefficients, alpha } = out;
    this.#endSteps();
    const path = this.#mixer.isBase(controls) ? "base" : "heads";
    const run: Runner = isStep
      ? (name, sources, work) => this.#recordings.run(`${name} of ${path}`, sources, work)
      : (_, __, work) => device.scope(work);
    // What is asked later must not see the controls of an advance that failed meanwhile.
    const own = [...controls];
    // Whoever feeds a prompt in pieces asks for no logits but the last.
    const held = new HeldLogits({
      device,
      vocabSize: this.vocabSize,
      sources: [last, coefficients],
      logits: () => this.#mixer.logits(last, own, coefficients),
      top: (count) => this.#mixer.top(last, own, coefficients, count),
      run,
    });
    this.#held = held;
    const [alphas] = await readAndDispose([alpha]);
    return entries.map((_, index) => ({
      alpha: alphas?.[index] ?? null,
      logits: () => held.row(index),
      candidates: (count) => held.candidates(index, count),
    }));
  }

  async score(entries: readonly SequenceEntry[], options: ScoreOptions = {}): Promise<readonly TokenScores[]> {
    checkEntries(this, entries);
    if (entries.length === 0) return [];
    const wanted = options.logits === true;
    const passes = this.#options.device.scope(
      () => this.#feeder.feed(entries, "all", (pass) => this.#scorePass(pass, wanted)).outputs,
    );
    this.#endSteps();
    const scores = entries.map(({ tokens }) => ({
      logp: new Float64Array(tokens.length).fill(Number.NaN),
      alpha: this.#options.heads.length === 0 ? null : new Float64Array(tokens.length),
      logits: wanted ? new Array<Float32Array | Float64Array>(tokens.length) : null,
    }));
    try {
      for (const { places, first, inner, alpha, all, controls } of passes) {
        const [firstNats, innerNats, alphas] = await readAndDispose([first, inner, alpha]);
        for (const [index, { entry, at }] of places.first.entries()) scores[entry]!.logp[at] = -firstNats![index]!;
        for (const [index, { entry, at }] of places.inner.entries()) scores[entry]!.logp[at] = -innerNats![index]!;
        const logits = all === null ? null : await this.#readLogits(all, controls);
        for (const { row, entry, at } of places.all) {
          const own = scores[entry]!;
          if (own.alpha !== null) own.alpha[at] = alphas![row]!;
          if (own.logits !== null) own.logits[at] = logits![row]!;
        }
      }
    } finally {
      for (const { first, inner, alpha, all } of passes) {
        for (const { leaf } of leavesOf<Tensor>([first, inner, alpha, all])) leaf.dispose();
      }
    }
    return scores;
  }

  [Symbol.dispose](): void {
    this.#endSteps();
    this.#recordings[Symbol.dispose]();
    this.#feeder[Symbol.dispose]();
    for (const tensor of this.#ownedTensors()) tensor.dispose();
  }

  #endSteps(): void {
    this.#held?.[Symbol.dispose]();
    this.#held = null;
  }

  /** Tensors that folding made; others it passes through from the caller's parameters. */
  #ownedTensors(): readonly Tensor[] {
    const given = new Set(this.#options.heads.flatMap(({ gateParams }) => Object.values(gateParams)));
    const folded = leavesOf<Tensor>(this.#foldedGates).map(({ leaf }) => leaf);
    return folded.filter((tensor) => !given.has(tensor));
  }

  #resolve(controls: Controls): ResolvedControls {
    const { mixing, heads } = this.#options;
    const { strength, alphaMin, alphaMax, weights } = this.#defaults;
    if (heads.length === 0) return this.#defaults;
    return checkRowControls(mixing, heads.length, {
      strength: controls.strength ?? strength,
      alphaMin: controls.alphaMin ?? alphaMin,
      alphaMax: controls.alphaMax ?? alphaMax,
      weights: controls.weights ?? weights,
    });
  }

  /** Nats and α of one pass; its rows too where logits are wanted. */
  #scorePass({ pieces, states, rows, former }: FedPass<ResolvedControls>, wanted: boolean): ScoredPass {
    const places = placesOf(pieces, (piece) => states[piece]!.tokens.length > 0);
    const controls = places.all.map(({ piece }) => states[piece]!.controls);
    const inside = () =>
      pickRows(
        rows,
        Uint32Array.from(places.inner, ({ row }) => row - 1),
      );
    return {
      places,
      controls,
      first: this.#nats(() => former(places.first.map(({ piece }) => states[piece]!)), places.first, controls),
      inner: this.#nats(inside, places.inner, controls),
      alpha: this.#mixer.alpha(rows, controls),
      all: wanted ? rows : null,
    };
  }

  /** Nats of the tokens at these places, row n of `rows` giving the distribution of place n; null where there are none. */
  #nats(rows: () => GatedRows, places: readonly Place[], controls: readonly ResolvedControls[]): Tensor | null {
    if (places.length === 0) return null;
    const targets = Uint32Array.from(places, ({ token }) => token);
    const own = places.map(({ row }) => controls[row]!);
    return this.#mixer.nats(rows(), own, this.#options.device.tensor(targets, [places.length]));
  }

  /** Logits of every row, read in chunks; `all` is disposed. */
  async #readLogits(all: GatedRows, controls: readonly ResolvedControls[]): Promise<(Float32Array | Float64Array)[]> {
    const rowCount = controls.length;
    const chunkRows = Math.max(1, Math.floor(readSize / this.vocabSize));
    const logits: (Float32Array | Float64Array)[] = [];
    try {
      for (let start = 0; start < rowCount; start += chunkRows) {
        const length = Math.min(chunkRows, rowCount - start);
        const chunk = this.#options.device.scope(() => {
          const rows = Uint32Array.from({ length }, (_, row) => start + row);
          return this.#mixer.logits(pickRows(all, rows), controls.slice(start, start + length));
        });
        const [values] = await readAndDispose([chunk]);
        for (let row = 0; row < length; row++) {
          logits.push(floats(values!).subarray(row * this.vocabSize, (row + 1) * this.vocabSize));
        }
      }
      return logits;
    } finally {
      for (const { leaf } of leavesOf<Tensor>(all)) leaf.dispose();
    }
  }
}

/** One token to be scored: its row in the pass, its piece there, its entry, and its index in the entry. */
interface Place {
  readonly row: number;
  readonly piece: number;
  readonly entry: number;
  readonly at: number;
  readonly token: number;
}

/** Places of a pass: all tokens, and those with something before them, in an earlier pass or in this one. */
interface Places {
  readonly all: readonly Place[];
  readonly first: readonly Place[];
  readonly inner: readonly Place[];
}

/** What scoring makes of a pass. */
interface ScoredPass {
  readonly places: Places;
  readonly controls: readonly ResolvedControls[];
  readonly first: Tensor | null;
  readonly inner: Tensor | null;
  readonly alpha: Tensor | null;
  readonly all: GatedRows | null;
}

function placesOf(pieces: readonly Piece[], hasFormer: (piece: number) => boolean): Places {
  const all: Place[] = [];
  for (const [piece, { entry, start, tokens }] of pieces.entries()) {
    for (const [at, token] of tokens.entries()) {
      all.push({ row: all.length, piece, entry, at: start + at, token });
    }
  }
  const isFirst = ({ piece, at }: Place) => at === pieces[piece]!.start;
  return {
    all,
    first: all.filter((place) => isFirst(place) && hasFormer(place.piece)),
    inner: all.filter((place) => !isFirst(place)),
  };
}

/** Starts all reads at once; the tensors are freed whatever happens. */
async function readAndDispose(tensors: readonly (Tensor | null)[]): Promise<readonly (NumericArray | null)[]> {
  try {
    return await Promise.all(tensors.map((tensor) => tensor?.read() ?? null));
  } finally {
    for (const tensor of tensors) tensor?.dispose();
  }
}

function floats(values: NumericArray): Float32Array | Float64Array {
  if (values instanceof Uint32Array) throw new TypeError("Cannot use integers as logits");
  return values;
}

function checkExtent(fact: string, value: number, most: number, least: number = 1): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new PolicyError(
    fact,
    `Cannot create a policy: ${fact} is ${value}; it must be an integer from ${least} to ${most}`,
  );
}
