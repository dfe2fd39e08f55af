// A repository looked into without fetching it: its files by name and length, and any of their bytes by range.
// Knows no cache.
import { type ByteSource, openHttp } from "@dual-head/bytes";
import { HubError } from "./hub-error.ts";
import { listRepository } from "./listing.ts";
import { describeName, type RepositoryName } from "./repository-name.ts";
import { createTransport, fileUrl, type PullOptions } from "./snapshot.ts";

/** A repository at one commit, on the hub. */
export interface RemoteRepository {
  readonly commit: string;
  /** Lengths in bytes by path. */
  readonly sizes: ReadonlyMap<string, number>;
  /**
   * Opens a file for reads of ranges; the caller closes it.
   *
   * @throws HubError where there is none of this name, or FileError where the hub does not answer ranges
   */
  open(path: string): Promise<ByteSource>;
}

/**
 * Lists a repository, of which nothing is fetched.
 *
 * @throws HubError where settings say offline, or the hub refuses or fails
 */
export async function openRepository(
  name: RepositoryName,
  options: Omit<PullOptions, "purpose" | "parallel">,
): Promise<RemoteRepository> {
  const { settings, signal } = options;
  const repository = describeName(name);
  if (settings.offline) {
    const message = `Cannot look into ${repository} offline: unset HF_HUB_OFFLINE, or name a cached repository or a folder`;
    throw new HubError(message, { fault: "offline", repository });
  }
  const { commit, files } = await listRepository(createTransport(name, options));
  const sizes = new Map(files.map(({ path, size }) => [path, size]));
  const headers = settings.token === null ? {} : { authorization: `Bearer ${settings.token}` };
  return {
    commit,
    sizes,
    async open(path) {
      if (!sizes.has(path)) {
        const message = `Cannot open ${path} of ${repository}: it has no such file; name another file or revision`;
        throw new HubError(message, { fault: "not-found", repository, path });
      }
      return openHttp(fileUrl(settings, name, commit, path), {
        headers,
        ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
        ...(signal === undefined ? {} : { signal }),
      });
    },
  };
}
