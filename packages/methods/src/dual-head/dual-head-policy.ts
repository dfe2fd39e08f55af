// The paper's decoding: one frozen backbone, its own head and any number of reward heads, each behind its gate, mixed
// per token under the controls of each sequence. Knows no file, no tokenizer and no sampling.
import { type Backbone, createTokenBatch, type KvCache } from "@dual-head/backbone";
import {
  checkGateMode,
  checkRowControls,
  type Gate,
  type GateHistory,
  type GateParams,
  type MixingMode,
} from "@dual-head/gating";
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
import { type Device, leavesOf, type NumericArray, type Projection, type Tensor } from "@dual-head/tensor-core";
import { PolicyError } from "../policy/errors.ts";
import { HeldLogits } from "../policy/held-logits.ts";
import { createLastRows, type GatedRows, type LastRows, pickRows } from "../policy/last-rows.ts";
import { createMixer, type Mixer, type ResolvedControls } from "../policy/mixer.ts";
import { SequenceTable } from "../policy/sequence-table.ts";

/** A reward head with its gate; parameters stay the caller's and must outlive the policy. */
export interface PolicyHead {
  /** For people and messages. */
  readonly name: string;
  /**
   * Default weight of this head; given for all heads or for none (equal weights of sum 1). `convex` and `mixture` scale
   * weights to sum 1, `additive` and `klExact` take them as they are.
   */
  readonly weight?: number | undefined;
  /** The head as data, `head.projection(params, lmHead)` of a RewardHead. */
  readonly projection: Projection;
  readonly gate: Gate;
  readonly gateParams: GateParams;
}

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

/** Rows of logits read at once by `score`, in numbers: 16 MiB of float32. */
const chunkSize = 2 ** 22;

class HeadPolicy<Params> implements DecodePolicy {
  readonly vocabSize: number;
  readonly maxTokens: number;
  readonly #options: DualHeadPolicyOptions<Params>;
  readonly #defaults: ResolvedControls;
  readonly #foldedGates: readonly GateParams[];
  readonly #cache: KvCache;
  readonly #histories: readonly GateHistory[];
  readonly #lastRows: LastRows;
  readonly #mixer: Mixer;
  readonly #sequences: SequenceTable<ResolvedControls>;
  /** Of the last advance; what feeds the policy again ends it. */
  #held: HeldLogits | null = null;
  readonly #cost = { forwards: 0, tokens: 0, rewardCalls: 0 };

  constructor(options: DualHeadPolicyOptions<Params>) {
    const { backbone, params, device, heads, mixing, slotCount, capacity } = options;
    const { vocabSize, hiddenSize, maxTokens } = backbone.config;
    checkExtent("slotCount", slotCount, Number.MAX_SAFE_INTEGER);
    checkExtent("capacity", capacity, maxTokens);
    for (const { gate } of heads) checkGateMode(mixing, gate);
    for (const head of heads) checkHead(head, vocabSize, hiddenSize);
    this.#options = options;
    this.vocabSize = vocabSize;
    this.maxTokens = capacity;
    this.#defaults = defaultControls(mixing, heads);
    this.#foldedGates = heads.map(({ gate, gateParams }) => gate.fold(gateParams));
    for (const leaf of this.#ownedTensors()) device.keep(leaf);
    this.#cache = backbone.createCache(device, { slotCount, capacity });
    this.#histories = heads.map(({ gate }) => gate.createHistory(device, { slotCount, capacity }));
    this.#lastRows = createLastRows(device, slotCount, hiddenSize, heads.length);
    this.#sequences = new SequenceTable([this.#cache, this.#lastRows, ...this.#histories]);
    const projections = heads.map(({ projection }) => projection);
    this.#mixer = createMixer(device, mixing, backbone.lmHead(params), projections);
  }

  get cost(): { readonly forwards: number; readonly tokens: number; readonly rewardCalls: number } {
    return { ...this.#cost };
  }
  open(controls: Controls = {}): Sequence {
    return this.#sequences.open(this.#resolve(controls));
  }
  setControls(sequence: Sequence, controls: Controls): void {
    this.#sequences.get(sequence).controls = this.#resolve(controls);
  }
  fork(sequence: Sequence): Sequence {
    return this.#sequences.fork(sequence);
  }
  close(sequence: Sequence): void {
    this.#sequences.close(sequence);
  }
  length(sequence: Sequence): number {
    return this.#cache.length(this.#sequences.get(sequence).slots[0]!);
  }

  async advance(entries: readonly SequenceEntry[]): Promise<readonly Step[]> {
    checkEntries(this, entries);
    if (entries.length === 0) return [];
    const controls = entries.map(({ sequence }) => this.#sequences.get(sequence).controls);
    const { logits, alpha } = this.#options.device.scope(() =>
      this.#mixer.logitsAndAlpha(this.#feed(entries).last, controls),
    );
    const held = new HeldLogits(this.#options.device.keep(logits));
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
    const { device } = this.#options;
    const states = entries.map(({ sequence }) => this.#sequences.get(sequence));
    const controls = entries.flatMap(({ tokens }, index) => tokens.map(() => states[index]!.controls));
    const places = placesOf(entries, (sequence) => this.length(sequence) > 0);
    const { first, inner, alpha, all } = device.scope(() => {
      // What the first tokens are scored by is read before the new rows replace it.
      const former = this.#lastRows.read(places.first.map(({ entry }) => states[entry]!.slots[1]!));
      const fed = this.#feed(entries);
      const inside = pickRows(
        fed.all,
        Uint32Array.from(places.inner, ({ row }) => row - 1),
      );
      return {
        first: this.#nats(former, places.first, entries, controls),
        inner: this.#nats(inside, places.inner, entries, controls),
        alpha: this.#mixer.alpha(fed.all, controls),
        all: options.logits === true ? fed.all : null,
      };
    });
    const [firstNats, innerNats, alphas] = await readAndDispose([first, inner, alpha]).catch((error: unknown) => {
      for (const { leaf } of leavesOf<Tensor>(all)) leaf.dispose();
      throw error;
    });
    const logp = new Float64Array(controls.length).fill(Number.NaN);
    for (const [index, { row }] of places.first.entries()) logp[row] = -firstNats![index]!;
    for (const [index, { row }] of places.inner.entries()) logp[row] = -innerNats![index]!;
    const logits = all === null ? null : await this.#readLogits(all, controls);
    let end = 0;
    return entries.map(({ tokens }) => {
      const start = end;
      end += tokens.length;
      return {
        logp: logp.slice(start, end),
        alpha: alphas === null ? null : Float64Array.from(alphas!.subarray(start, end)),
        logits: logits?.slice(start, end) ?? null,
      };
    });
  }

  [Symbol.dispose](): void {
    this.#held?.[Symbol.dispose]();
    this.#cache[Symbol.dispose]();
    this.#lastRows[Symbol.dispose]();
    for (const history of this.#histories) history[Symbol.dispose]();
    this.#mixer[Symbol.dispose]();
    for (const tensor of this.#ownedTensors()) tensor.dispose();
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

  /** Runs backbone and gates over the tokens; rows of all tokens, and of the last of each entry. */
  #feed(entries: readonly SequenceEntry[]): { readonly all: GatedRows; readonly last: GatedRows } {
    const { backbone, params, heads } = this.#options;
    const states = entries.map(({ sequence }) => this.#sequences.get(sequence));
    const batch = createTokenBatch(
      entries.map(({ tokens }, index) => ({ slot: states[index]!.slots[0]!, tokens })),
      (slot) => this.#cache.length(slot),
    );
    const all = this.#sequences.extend(states, () => {
      const hidden = backbone.extend(params, batch, this.#cache);
      const gateLogits = heads.map(({ gate }, head) => {
        const slots = Uint32Array.from(
          entries.flatMap(({ tokens }, index) => tokens.map(() => states[index]!.slots[2 + head]!)),
        );
        const rows = { slots, positions: batch.positions };
        return gate.extend(this.#foldedGates[head]!, hidden, rows, this.#histories[head]!);
      });
      return { hidden, gateLogits };
    });
    this.#held?.[Symbol.dispose]();
    this.#held = null;
    let end = 0;
    const lastRows = Uint32Array.from(entries, ({ tokens }) => {
      end += tokens.length;
      return end - 1;
    });
    const last = pickRows(all, lastRows);
    this.#lastRows.write(
      states.map(({ slots }) => slots[1]!),
      last,
    );
    this.#cost.forwards++;
    this.#cost.tokens += batch.tokens.length;
    return { all, last };
  }

  /** Nats of the tokens at these places, row n of `rows` giving the distribution of place n; null where there are none. */
  #nats(
    rows: GatedRows,
    places: readonly Place[],
    entries: readonly SequenceEntry[],
    controls: readonly ResolvedControls[],
  ): Tensor | null {
    if (places.length === 0) return null;
    const targets = Uint32Array.from(places, ({ entry, at }) => entries[entry]!.tokens[at]!);
    const own = places.map(({ row }) => controls[row]!);
    return this.#mixer.nats(rows, own, this.#options.device.tensor(targets, [places.length]));
  }

  /** Logits of every row, read in chunks; `all` is disposed. */
  async #readLogits(all: GatedRows, controls: readonly ResolvedControls[]): Promise<(Float32Array | Float64Array)[]> {
    const rowCount = controls.length;
    const chunkRows = Math.max(1, Math.floor(chunkSize / this.vocabSize));
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

/** One token to be scored: its row in the batch, its entry, and its index there. */
interface Place {
  readonly row: number;
  readonly entry: number;
  readonly at: number;
}

/** Tokens with something before them: first ones after former tokens, and those inside an entry. */
function placesOf(
  entries: readonly SequenceEntry[],
  hasFormer: (sequence: Sequence) => boolean,
): { readonly first: readonly Place[]; readonly inner: readonly Place[] } {
  const first: Place[] = [];
  const inner: Place[] = [];
  let row = 0;
  for (const [entry, { sequence, tokens }] of entries.entries()) {
    for (const at of tokens.keys()) {
      if (at > 0) inner.push({ row, entry, at });
      else if (hasFormer(sequence)) first.push({ row, entry, at });
      row++;
    }
  }
  return { first, inner };
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

function checkExtent(fact: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new PolicyError(fact, `Cannot create a policy: ${fact} is ${value}; it must be an integer from 1 to ${most}`);
}

function checkHead({ name, projection }: PolicyHead, vocabSize: number, hiddenSize: number): void {
  const { weight } = projection.kind === "linear" ? projection : projection.base;
  if (weight.shape[0] === vocabSize && weight.shape[1] === hiddenSize) return;
  throw new PolicyError(
    "heads",
    `Cannot create a policy: the weight of head ${name} is [${weight.shape.join(", ")}] but the backbone needs [V, D] = [${vocabSize}, ${hiddenSize}]; use a head trained on this backbone`,
  );
}

/** Strength 1, no bounds, and the heads' own weights. */
function defaultControls(mixing: MixingMode, heads: readonly PolicyHead[]): ResolvedControls {
  if (heads.length === 0) return { strength: 0, alphaMin: 0, alphaMax: 0, weights: [] };
  const given = heads.flatMap(({ weight }) => (weight === undefined ? [] : [weight]));
  if (given.length === 0) return checkRowControls(mixing, heads.length, {});
  if (given.length < heads.length) {
    const without = heads.filter(({ weight }) => weight === undefined).map(({ name }) => name);
    throw new PolicyError(
      "weights",
      `Cannot create a policy: heads ${without.join(", ")} have no weight but others do; give a weight to all or none`,
    );
  }
  const total = given.reduce((sum, weight) => sum + weight, 0);
  const simplex = (mixing === "convex" || mixing === "mixture") && total > 0;
  return checkRowControls(mixing, heads.length, {
    weights: given.map((weight) => (simplex ? weight / total : weight)),
  });
}
