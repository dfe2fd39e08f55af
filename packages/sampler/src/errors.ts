// Typed errors of decoding. They carry the facts; the message says what to do about them.

/** A generation request that cannot be carried out; nothing was opened or computed. */
export class InvalidRequestError extends Error {
  /** The request's field. */
  readonly option: string;
  /** The value it had. */
  readonly value: unknown;

  constructor(option: string, value: unknown, remedy: string) {
    super(`Cannot generate: ${option} is ${String(value)}, ${remedy}`);
    this.name = "InvalidRequestError";
    this.option = option;
    this.value = value;
  }
}

/** An entry that a policy cannot take; no sequence has changed. */
export class InvalidEntryError extends Error {
  /** The place of the entry in the call. */
  readonly index: number;

  constructor(index: number, reason: string) {
    super(`Cannot advance entry ${index}: ${reason}`);
    this.name = "InvalidEntryError";
    this.index = index;
  }
}

/** Logits from which no token can be chosen: not a number, infinite, or all excluded. */
export class SamplingError extends Error {
  /** The offending token id, or null where no single one is to blame. */
  readonly token: number | null;

  constructor(token: number | null, reason: string) {
    super(`Cannot choose a token: ${reason}`);
    this.name = "SamplingError";
    this.token = token;
  }
}
