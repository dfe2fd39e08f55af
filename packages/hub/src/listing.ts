// What a repository holds at a revision: its commit and its files with lengths and hashes, through @huggingface/hub.
// Answers are checked before anything uses them. Knows no cache.
import { HubError } from "./hub-error.ts";
import { describeName, isCommit, isSafePath } from "./repository-name.ts";
import { describeGoal, request, type Transport, withRetries } from "./transport.ts";

/** A file of a repository, as the hub lists it. */
export interface ListedFile {
  readonly path: string;
  /** Length in bytes. */
  readonly size: number;
  /** SHA-256 of its bytes where `hash` is "sha256", else the SHA-1 of git's blob; the name of its blob in the cache. */
  readonly oid: string;
  readonly hash: "sha256" | "git-sha1";
}

/** A repository at one commit. */
export interface Listing {
  readonly commit: string;
  readonly files: readonly ListedFile[];
}

/**
 * Resolves the revision to a commit and lists the files of that commit.
 *
 * @throws HubError where the hub refuses, fails or answers with something else
 */
export async function listRepository(transport: Transport): Promise<Listing> {
  const { settings, repository } = transport;
  const hub = await import("@huggingface/hub");
  const common = { hubUrl: settings.endpoint, fetch: createApiFetch(transport) };
  try {
    const info = await hub.modelInfo({
      ...common,
      name: repository.repository,
      revision: repository.revision,
      additionalFields: ["sha"],
    });
    const commit: unknown = info.sha;
    if (typeof commit !== "string" || !isCommit(commit)) throw badResponse(transport, "a commit of 40 digits", commit);
    const files: ListedFile[] = [];
    const entries = hub.listFiles({
      ...common,
      repo: { type: "model", name: repository.repository },
      revision: commit,
      recursive: true,
    });
    for await (const entry of entries) {
      if (entry.type === "file") files.push(checkEntry(transport, entry));
    }
    return { commit, files };
  } catch (error) {
    transport.signal?.throwIfAborted();
    if (error instanceof HubError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw badResponse(transport, "the hub's JSON", text);
  }
}

/** The fetch that the library uses: with token, retries and typed errors, each attempt given up where it stalls. */
function createApiFetch(transport: Transport): typeof fetch {
  return (input, init) =>
    withRetries(transport, null, async () => {
      const timeout = AbortSignal.timeout(transport.retry.stallSeconds * 1000);
      const signal = transport.signal === undefined ? timeout : AbortSignal.any([transport.signal, timeout]);
      const response = await request(transport, String(input), { ...init, signal }, null);
      try {
        // Read here, so that an answer that breaks off is asked for again.
        return new Response(await response.arrayBuffer(), { status: response.status, headers: response.headers });
      } catch (error) {
        transport.signal?.throwIfAborted();
        const goal = describeGoal(transport, null);
        const message = `Cannot list ${goal}: the answer breaks off; check the network and try again`;
        const facts = {
          fault: "unavailable",
          repository: describeName(transport.repository),
          transient: true,
        } as const;
        throw new HubError(message, facts, { cause: error });
      }
    });
}

interface Entry {
  readonly path: unknown;
  readonly size: unknown;
  readonly oid?: unknown;
  readonly lfs?: { readonly oid?: unknown; readonly size?: unknown } | undefined;
}

function checkEntry(transport: Transport, entry: Entry): ListedFile {
  const { path } = entry;
  if (typeof path !== "string" || !isSafePath(path)) {
    const shown = JSON.stringify(path)?.slice(0, 100) ?? "nothing";
    throw new HubError(
      `Cannot fetch ${describeName(transport.repository)}: the hub lists the path ${shown}, which could leave the cache folder; use another repository`,
      {
        fault: "unsafe-path",
        repository: describeName(transport.repository),
        expected: "a path inside",
        actual: shown,
      },
    );
  }
  const lfs = entry.lfs ?? undefined;
  const [size, oid, hash] = lfs ? [lfs.size, lfs.oid, "sha256" as const] : [entry.size, entry.oid, "git-sha1" as const];
  const digits = hash === "sha256" ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw badResponse(transport, `a length for ${path}`, size);
  }
  if (typeof oid !== "string" || !digits.test(oid)) throw badResponse(transport, `a hash (${hash}) for ${path}`, oid);
  return { path, size, oid, hash };
}

function badResponse(transport: Transport, expected: string, found: unknown): HubError {
  const actual = String(JSON.stringify(found)).slice(0, 100);
  return new HubError(
    `Cannot list ${describeName(transport.repository)}: ${transport.settings.endpoint} must answer with ${expected} but answers ${actual}; check HF_ENDPOINT`,
    { fault: "bad-response", repository: describeName(transport.repository), expected, actual },
  );
}
