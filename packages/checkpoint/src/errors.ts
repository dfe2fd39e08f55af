// What can be wrong with a checkpoint: a rule of its file format broken, or tensors other than expected.

/** A rule of the safetensors format. */
export type SafetensorsRule =
  | "file-size"
  | "header-size"
  | "utf8"
  | "json"
  | "duplicate-key"
  | "object"
  | "metadata"
  | "entry"
  | "dtype"
  | "shape"
  | "offsets"
  | "byte-size"
  | "overlap"
  | "gap"
  | "coverage";

/** A file is not well-formed safetensors; carries the path, the broken rule and, where one is known, the byte. */
export class SafetensorsError extends Error {
  override readonly name: string = "SafetensorsError";
  /** The path or label of the file. */
  readonly path: string;
  /** The rule that is broken. */
  readonly rule: SafetensorsRule;
  /** Offset in bytes from the start of the file, or null where the rule concerns no single place. */
  readonly byte: number | null;

  constructor(path: string, rule: SafetensorsRule, reason: string, byte: number | null = null) {
    const place = byte === null ? "" : ` (byte ${byte})`;
    super(`Cannot read ${path} as safetensors: ${reason}${place}, fetch or convert the file again`);
    this.path = path;
    this.rule = rule;
    this.byte = byte;
  }
}

/** A rule of the GGUF format. */
export type GgufRule =
  | "magic"
  | "version"
  | "truncated"
  | "size"
  | "utf8"
  | "value-type"
  | "value"
  | "depth"
  | "duplicate-key"
  | "alignment"
  | "shape"
  | "tensor-type"
  | "duplicate-tensor"
  | "offset"
  | "overlap";

/** A file is not well-formed GGUF, or of a version that is not read; carries the path, the broken rule and the byte. */
export class GgufError extends Error {
  override readonly name: string = "GgufError";
  /** The path or label of the file. */
  readonly path: string;
  /** The rule that is broken. */
  readonly rule: GgufRule;
  /** Offset in bytes from the start of the file. */
  readonly byte: number;

  constructor(path: string, rule: GgufRule, reason: string, byte: number) {
    super(`Cannot read ${path} as GGUF: ${reason} (byte ${byte}), fetch or convert the file again`);
    this.path = path;
    this.rule = rule;
    this.byte = byte;
  }
}

/** A rule of llama2.c's files. */
export type Llama2cRule = "magic" | "version" | "header" | "size";

/** A file is not one of llama2.c's; carries the path, the broken rule and, where one is known, the byte. */
export class Llama2cError extends Error {
  override readonly name: string = "Llama2cError";
  /** The path or label of the file. */
  readonly path: string;
  /** The rule that is broken. */
  readonly rule: Llama2cRule;
  /** Offset in bytes from the start of the file, or null where the rule concerns the whole. */
  readonly byte: number | null;

  constructor(path: string, rule: Llama2cRule, reason: string, byte: number | null = null) {
    const place = byte === null ? "" : ` (byte ${byte})`;
    super(`Cannot read ${path} as a model of llama2.c: ${reason}${place}, fetch or export it again`);
    this.path = path;
    this.rule = rule;
    this.byte = byte;
  }
}

/** The facts of a {@link CheckpointError}. */
export interface CheckpointFacts {
  readonly tensor?: string;
  readonly expected?: string;
  readonly actual?: string;
  readonly cause?: unknown;
}

/** A checkpoint lacks a file or tensor, or a tensor is not as expected; carries file, tensor, expected and actual. */
export class CheckpointError extends Error {
  override readonly name: string = "CheckpointError";
  /** The file or folder. */
  readonly path: string;
  /** The tensor's name, or null where it is about files. */
  readonly tensor: string | null;
  /** What was required, in words, or null. */
  readonly expected: string | null;
  /** What was found, in words, or null. */
  readonly actual: string | null;

  constructor(message: string, path: string, facts: CheckpointFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.path = path;
    this.tensor = facts.tensor ?? null;
    this.expected = facts.expected ?? null;
    this.actual = facts.actual ?? null;
  }
}
