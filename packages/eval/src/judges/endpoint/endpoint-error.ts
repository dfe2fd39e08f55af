// What goes wrong between here and an endpoint, with its facts; the key is in none of them. Knows no request.

/** What went wrong. */
export type EndpointFault =
  | "bad-options"
  | "no-key"
  | "unauthorised"
  | "not-found"
  | "refused"
  | "content-filter"
  | "quota"
  | "rate-limited"
  | "unavailable"
  | "unreachable"
  | "timeout"
  | "bad-response"
  | "spending-limit";

/** What an {@link EndpointError} knows beside its message. */
export interface EndpointFacts {
  readonly fault: EndpointFault;
  /** The base URL without what may be secret in it. */
  readonly endpoint: string;
  readonly model: string;
  /** The HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  /** Seconds the endpoint asks to be left alone. */
  readonly retryAfterSeconds?: number | undefined;
  /** What the endpoint says of it, shortened and without the key. */
  readonly said?: string | undefined;
  /** Whether the same request may succeed a moment later. */
  readonly transient?: boolean | undefined;
  /** How often it was tried. */
  readonly attempts?: number | undefined;
}

/** An endpoint could not be asked, or its answer not be used; the message ends with the remedy. */
export class EndpointError extends Error {
  override readonly name: string = "EndpointError";
  readonly facts: EndpointFacts;
  /** What is, and what must be or remedies it, apart, so that the number of attempts can be said between. */
  readonly #parts: readonly [problem: string, remedy: string];

  constructor(problem: string, remedy: string, facts: EndpointFacts) {
    const { endpoint, model, attempts = 1 } = facts;
    const times = attempts > 1 ? ` (tried ${attempts} times)` : "";
    super(`Cannot ask ${model} at ${endpoint}: ${problem}${times}; ${remedy}`);
    this.facts = facts;
    this.#parts = [problem, remedy];
  }

  /** The same error after so many attempts. */
  after(attempts: number): EndpointError {
    return new EndpointError(...this.#parts, { ...this.facts, attempts });
  }
}
