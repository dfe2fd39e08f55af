// The one mechanism of decoding many requests: a queue, admission, and steps in which every running sequence moves by a
// token while prompts are fed in chunks beside them. Knows neither consumers nor where time comes from.
import type { DecodePolicy, Step } from "./policy.ts";
import type { GenerateEvent, GenerateRequest } from "./request.ts";
import { createRun, type Run } from "./run.ts";

/** Limits of what runs at once. */
export interface EngineLimits {
  /** The most sequences open at once; the others wait in order of arrival. The policy's slots by default. */
  readonly concurrency?: number | undefined;
  /**
   * The most tokens that running requests may come to hold together, each its prompt and maxNewTokens; a request that is
   * larger runs alone. No limit by default.
   */
  readonly tokenBudget?: number | undefined;
  /** The most prompt tokens fed in one step, over all requests, so that running streams do not stall; 256 by default. */
  readonly chunkSize?: number | undefined;
}

/** What a step brought one request: events, the last of which may be the end, or an error, which is its end. */
export type Outcome =
  | { readonly run: Run; readonly events: readonly GenerateEvent[]; readonly error: null }
  | { readonly run: Run; readonly events: null; readonly error: { readonly cause: unknown } };

interface Feed {
  readonly run: Run;
  readonly tokens: readonly number[];
}

const defaultChunkSize = 256;

/** @throws RangeError where a limit is not an integer of at least 1 */
export function checkLimits(action: string, limits: EngineLimits): void {
  for (const name of ["concurrency", "tokenBudget", "chunkSize"] as const) {
    const value = limits[name];
    if (value === undefined || value === Infinity || (Number.isInteger(value) && value >= 1)) continue;
    throw new RangeError(`Cannot ${action}: ${name} is ${value}, give an integer of at least 1`);
  }
}

/** Requests of one policy, from arrival to end; `step` is not called again before it is done. */
export class Engine {
  readonly #policy: DecodePolicy;
  readonly #concurrency: number;
  readonly #tokenBudget: number;
  readonly #chunkSize: number;
  readonly #waiting: Run[] = [];
  /** In order of arrival. */
  readonly #open = new Set<Run>();
  /** Left while a step was under way; their sequences close after it. */
  readonly #gone: Run[] = [];
  #isStepping = false;

  constructor(policy: DecodePolicy, limits: EngineLimits) {
    this.#policy = policy;
    this.#concurrency = limits.concurrency ?? policy.slotCount ?? Infinity;
    this.#tokenBudget = limits.tokenBudget ?? Infinity;
    this.#chunkSize = limits.chunkSize ?? defaultChunkSize;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Queues a request that has been checked. */
  add(request: GenerateRequest): Run {
    const run = createRun(this.#policy, request);
    this.#waiting.push(run);
    return run;
  }

  /** Takes a request out, which then has no more outcomes. */
  remove(run: Run): void {
    const place = this.#waiting.indexOf(run);
    if (place >= 0) this.#waiting.splice(place, 1);
    if (this.#open.delete(run)) this.#close(run);
  }

  /** Takes all requests out. */
  close(): void {
    this.#waiting.length = 0;
    for (const run of this.#open) this.remove(run);
  }

  /** Whether a step now would do anything. */
  hasWork(isReady: (run: Run) => boolean): boolean {
    const acts = (run: Run) => isAborted(run) || isReady(run);
    return this.#canAdmit() || this.#waiting.some(isAborted) || [...this.#open].some(acts);
  }

  /**
   * Ends what was aborted, admits what there is room for, and feeds the policy once for those that are ready: the others
   * keep their places. Outcomes are in order of arrival, ends by abort first.
   */
  async step(isReady: (run: Run) => boolean): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [...this.#endAborted(), ...this.#admit()];
    const feeds = this.#choose(isReady);
    if (feeds.length === 0) return outcomes;
    this.#isStepping = true;
    try {
      for (const outcome of await inTurn(this.#policy, () => this.#feed(feeds))) {
        const { run, events, error } = outcome;
        if (!this.#open.has(run)) continue;
        if (error !== null || events.at(-1)?.type === "end") this.#finish(run);
        outcomes.push(outcome);
      }
    } finally {
      this.#isStepping = false;
      for (const run of this.#gone.splice(0)) this.#close(run);
    }
    return outcomes;
  }

  #endAborted(): readonly Outcome[] {
    return [...this.#open, ...this.#waiting].filter(isAborted).map((run) => {
      this.remove(run);
      return { run, events: [run.end("aborted")], error: null };
    });
  }

  /** Opens waiting requests; what cannot be opened has failed. */
  #admit(): readonly Outcome[] {
    const failed: Outcome[] = [];
    while (this.#canAdmit()) {
      const run = this.#waiting.shift()!;
      try {
        run.sequence = this.#policy.open(run.request.controls);
        this.#open.add(run);
      } catch (cause) {
        failed.push({ run, events: null, error: { cause } });
      }
    }
    return failed;
  }

  /** Whether the first of the queue may run; nobody overtakes it. */
  #canAdmit(): boolean {
    const [next] = this.#waiting;
    if (next === undefined || this.#open.size >= this.#concurrency) return false;
    let tokens = this.#tokensOf(next);
    for (const run of this.#open) tokens += this.#tokensOf(run);
    return tokens <= this.#tokenBudget || this.#open.size === 0;
  }

  #tokensOf({ request }: Run): number {
    return Math.min(request.prompt.length + request.maxNewTokens, this.#policy.maxTokens);
  }

  /** The token of every sequence that decodes, and of prompts as much as a step may take, the oldest first. */
  #choose(isReady: (run: Run) => boolean): readonly Feed[] {
    let room = this.#chunkSize;
    return [...this.#open].filter(isReady).flatMap((run) => {
      if (run.isDecoding) return [{ run, tokens: run.pending }];
      if (room <= 0) return [];
      const held = this.#policy.heldLength?.(run.sequence!, run.pending) ?? 0;
      const count = Math.min(run.pending.length, held + room);
      room -= Math.max(0, count - held);
      return [{ run, tokens: run.pending.slice(0, count) }];
    });
  }

  /** One pass for all. Where it fails, each is fed by itself, so that only those fail whose fault it is. */
  async #feed(feeds: readonly Feed[]): Promise<readonly Outcome[]> {
    let steps: readonly Step[];
    try {
      steps = await this.#policy.advance(feeds.map(({ run, tokens }) => ({ sequence: run.sequence!, tokens })));
    } catch (cause) {
      if (feeds.length === 1) return [{ run: feeds[0]!.run, events: null, error: { cause } }];
      const outcomes: Outcome[] = [];
      for (const feed of feeds) outcomes.push(...(await this.#feed([feed])));
      return outcomes;
    }
    return Promise.all(feeds.map((feed, place) => this.#take(feed, steps[place]!)));
  }

  async #take({ run, tokens }: Feed, step: Step): Promise<Outcome> {
    if (tokens.length < run.pending.length) {
      run.pending = run.pending.slice(tokens.length);
      return { run, events: [], error: null };
    }
    try {
      return { run, events: await run.take(step), error: null };
    } catch (cause) {
      return { run, events: null, error: { cause } };
    }
  }

  #finish(run: Run): void {
    this.#open.delete(run);
    this.#close(run);
  }

  #close(run: Run): void {
    if (this.#isStepping) {
      this.#gone.push(run);
      return;
    }
    if (run.sequence !== null) this.#policy.close(run.sequence);
    run.sequence = null;
  }
}

function isAborted({ request }: Run): boolean {
  return request.signal?.aborted === true;
}

/** The last turn taken on each policy: a step is valid only until the policy's next `advance`. */
const turns = new WeakMap<DecodePolicy, Promise<unknown>>();

/** Runs `body` when all earlier turns on this policy have ended, well or not, so that engines may run side by side. */
function inTurn<Out>(policy: DecodePolicy, body: () => Promise<Out>): Promise<Out> {
  const turn = (turns.get(policy) ?? Promise.resolve()).then(body);
  turns.set(
    policy,
    turn.catch(() => {}),
  );
  return turn;
}
