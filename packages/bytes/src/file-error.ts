// The one error of this package: which file, what was being done to it, and why it failed.
// It does not know what the bytes mean.

/** What was being done to a file when it failed. */
export type FileAction = "open" | "read" | "write" | "create" | "decompress" | "decode" | "parse";

/** A file or byte source could not be used; carries the path, the action and, where known, the byte or line. */
export class FileError extends Error {
  override readonly name: string = "FileError";
  /** The path, or the name of a byte source without one. */
  readonly path: string;
  /** What was being done. */
  readonly action: FileAction;
  /** Offset in bytes from the start of the (decompressed) data, or null where none applies. */
  readonly byte: number | null;
  /** Line, counted from 1, or null where none applies. */
  readonly line: number | null;

  constructor(
    path: string,
    action: FileAction,
    reason: string,
    options: { readonly cause?: unknown; readonly byte?: number; readonly line?: number } = {},
  ) {
    super(`Cannot ${action} ${path}: ${reason}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.path = path;
    this.action = action;
    this.byte = options.byte ?? null;
    this.line = options.line ?? null;
  }
}

const reasonsByCode: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder, check the path",
  EACCES: "permission is denied, change the permissions or choose another path",
  EPERM: "the operation is not permitted, choose another path",
  EISDIR: "it is a folder, name a file",
  ENOTDIR: "a part of the path is a file and not a folder, check the path",
  EEXIST: "it exists already, choose another path",
  ENOSPC: "the disk is full, free space and run again",
  EDQUOT: "the disk quota is used up, free space and run again",
  EROFS: "the file system is read-only, choose another path",
  EMFILE: "too many files are open, close some or raise the limit",
  ENAMETOOLONG: "the path is too long, choose a shorter one",
};

/** Turns whatever the operating system threw into a {@link FileError}; passes a FileError through unchanged. */
export function toFileError(path: string, action: FileAction, cause: unknown): FileError {
  if (cause instanceof FileError) return cause;
  const code = (cause as { code?: unknown } | null)?.code;
  const known = typeof code === "string" ? reasonsByCode[code] : undefined;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new FileError(path, action, known ?? text, { cause });
}
