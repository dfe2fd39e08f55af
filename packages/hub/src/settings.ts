// Where the hub is, where its cache lies and who asks: the environment variables that all its clients share.
// Knows no request.
import { findPathKind, readText } from "@dual-head/bytes";
import { HubError } from "./hub-error.ts";

/** How to reach the hub and where to keep what comes from it. */
export interface HubSettings {
  /** Address of the hub, without a slash at the end. */
  readonly endpoint: string;
  /** The folder that holds `models--owner--name` folders. */
  readonly cacheFolder: string;
  /** An access token, or null. */
  readonly token: string | null;
  /** Whether only what is cached may be used. */
  readonly offline: boolean;
}

const defaultEndpoint = "https://huggingface.co";

/**
 * Settings from the environment: `HF_ENDPOINT`, `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`,
 * `HF_TOKEN` (else the token file that logging in wrote, `HF_TOKEN_PATH` or `token` in `HF_HOME`) and `HF_HUB_OFFLINE`.
 *
 * @param environment usually `process.env`
 * @throws HubError where `HF_ENDPOINT` is no http address
 */
export async function loadHubSettings(environment: Readonly<Record<string, string | undefined>>): Promise<HubSettings> {
  const [{ join }, { homedir }] = await Promise.all([import("node:path"), import("node:os")]);
  const value = (name: string) => environment[name]?.trim() || null;
  const expand = (path: string) => (path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path);
  const general = expand(value("XDG_CACHE_HOME") ?? join(homedir(), ".cache"));
  const home = expand(value("HF_HOME") ?? join(general, "huggingface"));
  const endpoint = (value("HF_ENDPOINT") ?? defaultEndpoint).replace(/\/+$/, "");
  if (!/^https?:\/\/[^/\s]/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new HubError(
      `Cannot use the hub at ${JSON.stringify(endpoint)}: HF_ENDPOINT must be an http or https address, such as ${defaultEndpoint}`,
      { fault: "bad-name", repository: endpoint, expected: "an http or https address", actual: endpoint },
    );
  }
  return {
    endpoint,
    cacheFolder: expand(value("HF_HUB_CACHE") ?? value("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub")),
    token: value("HF_TOKEN") ?? (await storedToken(expand(value("HF_TOKEN_PATH") ?? join(home, "token")))),
    offline: /^(1|on|yes|true)$/i.test(value("HF_HUB_OFFLINE") ?? ""),
  };
}

async function storedToken(path: string): Promise<string | null> {
  return (await findPathKind(path)) === "file" ? (await readText(path)).trim() || null : null;
}
