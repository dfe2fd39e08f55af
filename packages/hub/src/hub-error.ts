// The one error of this package: which repository, what went wrong, what was expected, and the remedy.
// It does not know how requests are made.

/** What went wrong. */
export type HubFault =
  | "bad-name"
  | "unauthorised"
  | "gated"
  | "not-found"
  | "rate-limited"
  | "unavailable"
  | "bad-response"
  | "length"
  | "hash"
  | "unsafe-path"
  | "no-files"
  | "no-room"
  | "offline";

/** What a {@link HubError} knows beside its message. */
export interface HubFacts {
  readonly fault: HubFault;
  /** `owner/name`, with its revision where one was asked for. */
  readonly repository: string;
  /** The file inside the repository, where one is concerned. */
  readonly path?: string | undefined;
  /** The HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  readonly expected?: string | undefined;
  readonly actual?: string | undefined;
  /** Seconds the server asks to be left alone. */
  readonly retryAfterSeconds?: number | undefined;
  /** Whether the same request may succeed a moment later. */
  readonly transient?: boolean | undefined;
}

/** A repository could not be fetched or used; the message ends with the remedy. */
export class HubError extends Error {
  override readonly name: string = "HubError";
  readonly facts: HubFacts;

  constructor(message: string, facts: HubFacts, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.facts = facts;
  }
}

/** Whether something thrown is worth another try. */
export function isTransient(error: unknown): error is HubError {
  return error instanceof HubError && error.facts.transient === true;
}
