// The one error of this package. It carries the file and the field, so that a message can be acted on.

/** A tokenizer's files, or a text or id given to it, cannot be used; carries the path and, where known, the field. */
export class TokenizerError extends Error {
  override readonly name: string = "TokenizerError";
  /** The file or folder of the tokenizer. */
  readonly path: string;
  /** The field of the file, dotted, or null. */
  readonly field: string | null;

  constructor(path: string, message: string, options: { readonly field?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.path = path;
    this.field = options.field ?? null;
  }
}

/** The error for a file whose content is not as the format says. */
export function malformed(path: string, field: string, required: string, cause?: unknown): TokenizerError {
  const message = `Cannot load tokenizer ${path}: ${field} must be ${required}, fetch the file again`;
  return new TokenizerError(path, message, cause === undefined ? { field } : { field, cause });
}

/** Whether a JSON value is an object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
