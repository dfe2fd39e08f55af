// Continuous batching: requests come and go at any time, each a stream of its own, and share the steps of one engine.
// Knows consumers and their pace; what a step does is the engine's matter.
import { checkLimits, Engine, type EngineLimits } from "./engine.ts";
import type { DecodePolicy } from "./policy.ts";
import { checkRequest, type GenerateEvent, type GenerateRequest, type Generator } from "./request.ts";
import type { Run } from "./run.ts";

/** Limits of a scheduler. */
export interface SchedulerOptions extends EngineLimits {
  /**
   * How many events a stream may be ahead of its consumer, 8 by default: a request whose consumer is slower pauses and
   * keeps its place, the others go on.
   */
  readonly aheadLimit?: number | undefined;
}

/** A generator that serves all its streams in one pass a step. */
export interface Scheduler extends Generator, Disposable {
  /**
   * Streams one generation. It joins the queue when its first event is asked for, and leaves when its consumer breaks
   * out; an error ends this stream only.
   *
   * @throws InvalidRequestError at once, before anything is computed
   */
  generate(request: GenerateRequest): AsyncIterable<GenerateEvent>;
  /** Requests that wait for a place. */
  readonly waitingCount: number;
  /** Requests that have one. */
  readonly openCount: number;
  /** Ends every stream with reason `aborted`; the policy stays the caller's. */
  [Symbol.dispose](): void;
}

const defaultAheadLimit = 8;

/**
 * Creates a scheduler over a policy. Places go in order of arrival; every step moves each running stream by a token and
 * feeds at most `chunkSize` prompt tokens beside them. Each request gives the events it would give alone.
 *
 * @throws RangeError where a limit is not an integer of at least 1
 */
export function createScheduler(policy: DecodePolicy, options: SchedulerOptions = {}): Scheduler {
  checkLimits("schedule", options);
  const { aheadLimit = defaultAheadLimit } = options;
  if (!Number.isInteger(aheadLimit) || aheadLimit < 1) {
    throw new RangeError(`Cannot schedule: aheadLimit is ${aheadLimit}, give an integer of at least 1`);
  }
  return new EngineScheduler(policy, options, aheadLimit);
}

class EngineScheduler implements Scheduler {
  readonly #policy: DecodePolicy;
  readonly #engine: Engine;
  readonly #aheadLimit: number;
  readonly #streams = new Map<Run, Stream>();
  #isRunning = false;
  #isDisposed = false;

  constructor(policy: DecodePolicy, limits: EngineLimits, aheadLimit: number) {
    this.#policy = policy;
    this.#engine = new Engine(policy, limits);
    this.#aheadLimit = aheadLimit;
  }

  get waitingCount(): number {
    return this.#engine.waitingCount;
  }

  get openCount(): number {
    return this.#engine.openCount;
  }

  generate(request: GenerateRequest): AsyncIterable<GenerateEvent> {
    if (this.#isDisposed) throw new Error("Cannot generate: the scheduler was disposed; create another");
    checkRequest(this.#policy, request);
    return { [Symbol.asyncIterator]: () => this.#openStream(request) };
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const [run, stream] of this.#streams) stream.push([run.end("aborted")]);
    this.#streams.clear();
    this.#engine.close();
  }

  #openStream(request: GenerateRequest): Stream {
    let run: Run | null = null;
    const wake = () => this.#wake();
    const stream: Stream = new Stream({
      started: () => {
        if (this.#isDisposed) {
          stream.push([{ type: "end", reason: "aborted", text: "" }]);
          return;
        }
        request.signal?.addEventListener("abort", wake, { once: true });
        run = this.#engine.add(request);
        this.#streams.set(run, stream);
      },
      taken: wake,
      ended: () => {
        request.signal?.removeEventListener("abort", wake);
        if (run === null || !this.#streams.delete(run)) return;
        this.#engine.remove(run);
        // Its place may be somebody else's now.
        wake();
      },
    });
    return stream;
  }

  /** Sees to it that steps are made as long as there is something to do. */
  #wake(): void {
    if (this.#isRunning || this.#isDisposed) return;
    this.#isRunning = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    const isReady = (run: Run) => this.#streams.get(run)!.ahead < this.#aheadLimit;
    try {
      while (this.#engine.hasWork(isReady)) {
        for (const { run, events, error } of await this.#engine.step(isReady)) {
          const stream = this.#streams.get(run);
          if (error !== null || events.at(-1)?.type === "end") this.#streams.delete(run);
          if (error === null) stream?.push(events);
          else stream?.fail(error.cause);
        }
        await breathe();
      }
    } catch (cause) {
      // A policy that cannot even close a sequence: nobody can go on.
      const streams = [...this.#streams.values()];
      this.#streams.clear();
      for (const stream of streams) stream.fail(cause);
    } finally {
      this.#isRunning = false;
    }
  }
}

/** What a stream tells its scheduler. */
interface StreamListener {
  /** The first event is asked for. */
  started(): void;
  /** An event is asked for. */
  taken(): void;
  /** The consumer has left, or has all there was. */
  ended(): void;
}

interface Waiter {
  resolve(result: IteratorResult<GenerateEvent, undefined>): void;
  reject(cause: unknown): void;
}

/** Events on their way to one consumer. */
class Stream implements AsyncIterator<GenerateEvent, undefined> {
  readonly #listener: StreamListener;
  readonly #events: GenerateEvent[] = [];
  readonly #waiters: Waiter[] = [];
  #failure: { readonly cause: unknown } | null = null;
  #state: "new" | "running" | "complete" | "over" = "new";

  constructor(listener: StreamListener) {
    this.#listener = listener;
  }

  /** Events that are ready less those asked for. */
  get ahead(): number {
    return this.#events.length - this.#waiters.length;
  }

  push(events: readonly GenerateEvent[]): void {
    if (this.#state === "over") return;
    this.#events.push(...events);
    if (events.at(-1)?.type === "end") this.#state = "complete";
    this.#deliver();
  }

  fail(cause: unknown): void {
    if (this.#state === "over") return;
    this.#failure = { cause };
    this.#state = "complete";
    this.#deliver();
  }

  next(): Promise<IteratorResult<GenerateEvent, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (this.#state === "new") {
        this.#state = "running";
        this.#listener.started();
      }
      this.#deliver();
      if (this.#state === "running") this.#listener.taken();
    });
  }

  return(): Promise<IteratorResult<GenerateEvent, undefined>> {
    this.#events.length = 0;
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #deliver(): void {
    while (this.#waiters.length > 0 && this.#events.length > 0) {
      this.#waiters.shift()!.resolve({ done: false, value: this.#events.shift()! });
    }
    if (this.#events.length === 0 && this.#state === "complete" && this.#waiters.length > 0) {
      const failure = this.#failure;
      this.#failure = null;
      if (failure !== null) this.#waiters.shift()!.reject(failure.cause);
      this.#end();
    }
    if (this.#state === "over") {
      for (const { resolve } of this.#waiters.splice(0)) resolve({ done: true, value: undefined });
    }
  }

  #end(): void {
    const wasOpen = this.#state !== "over";
    this.#state = "over";
    for (const { resolve } of this.#waiters.splice(0)) resolve({ done: true, value: undefined });
    if (wasOpen) this.#listener.ended();
  }
}

/** Lets timers, sockets and signals in: a loop that awaits finished promises only would shut them out. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
