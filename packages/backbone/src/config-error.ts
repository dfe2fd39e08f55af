// The error of every reader of a model's config. Knows no key.

/** A config that cannot be run; carries the key and its value. */
export class ConfigError extends Error {
  override readonly name: string = "ConfigError";
  /** The file or label of the config. */
  readonly path: string;
  /** The offending key, or null where the whole is not a config. */
  readonly key: string | null;
  /** Its value as found; undefined where it is missing. */
  readonly value: unknown;

  constructor(path: string, key: string | null, value: unknown, reason: string) {
    const found = value === undefined ? "is missing" : `is ${JSON.stringify(value)}`;
    super(`Cannot use ${path}: ${key === null ? "it" : JSON.stringify(key)} ${found} but must be ${reason}`);
    this.path = path;
    this.key = key;
    this.value = value;
  }
}
