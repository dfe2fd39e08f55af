// Names of repositories as people write them, and names that a server may not use. Knows no network and no disk.
import { HubError } from "./hub-error.ts";

/** A repository at a revision, and a file of it where one was named. */
export interface RepositoryName {
  /** `owner/name`. */
  readonly repository: string;
  /** A branch, a tag, a commit or a reference such as `refs/pr/3`. */
  readonly revision: string;
  /** A file inside it, with forward slashes, or null for what a model needs. */
  readonly file: string | null;
}

const segment = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/;
const pattern = /^([^/:@\s]+)\/([^/:@\s]+)(?:@([^:\s]+))?(?::(.+))?$/;

/**
 * Parses `owner/name`, `owner/name@revision`, `owner/name:path/to/file` or both; null where the text is no such name.
 *
 * A revision holds no colon (git's own rule), so the forms cannot be confused.
 */
export function parseRepositoryName(text: string): RepositoryName | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const [, owner, name, revision = "main", file = null] = match as unknown as [
    string,
    string,
    string,
    string?,
    string?,
  ];
  const sound = [owner, name].every((part) => part.length <= 96 && segment.test(part) && !/--|\.\./.test(part));
  if (!sound || !isSafeRevision(revision) || (file !== null && !isSafePath(file))) return null;
  return { repository: `${owner}/${name}`, revision, file };
}

/**
 * Parses a repository's name.
 *
 * @throws HubError where the text is none
 */
export function requireRepositoryName(text: string): RepositoryName {
  const name = parseRepositoryName(text);
  if (name !== null) return name;
  throw new HubError(
    `Cannot fetch ${JSON.stringify(text)}: it is no name of a repository; write owner/name, owner/name@revision or owner/name:file`,
    { fault: "bad-name", repository: text, expected: "owner/name[@revision][:file]", actual: text },
  );
}

/** `owner/name`, with the revision where it is not the default. */
export function describeName({ repository, revision }: RepositoryName): string {
  return revision === "main" ? repository : `${repository}@${revision}`;
}

/** Whether a revision can be the name of a file under `refs/` without leaving it. */
function isSafeRevision(revision: string): boolean {
  return isSafePath(revision) && !/[~^?*[]|@\{/.test(revision);
}

/**
 * Whether a path with forward slashes stays inside the folder it is joined to, on every platform.
 *
 * Refused are absolute paths, empty parts, `.` and `..`, backslashes, colons (drives and streams of Windows), control
 * characters, and parts that end in a dot or a space, which Windows drops.
 */
export function isSafePath(path: string): boolean {
  if (path.length === 0 || path.length > 1024) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return path.split("/").every((part) => part.length > 0 && !/[\\:\u0000-\u001f\u007f]|[. ]$/.test(part));
}

const commitPattern = /^[0-9a-f]{40}$/;

/** Whether a revision is a full commit hash, which never comes to mean something else. */
export function isCommit(revision: string): boolean {
  return commitPattern.test(revision);
}
