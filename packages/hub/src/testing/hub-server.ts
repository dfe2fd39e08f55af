// A hub on this machine for tests: serves repositories by the hub's API and misbehaves as it is told. Knows no client.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A repository of the test hub. */
export interface TestRepository {
  /** The content of each file by its path, the same at every revision. */
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  /** Files listed as large ones, with a SHA-256; default: those that end in .safetensors, .gguf or .bin. */
  readonly large?: (path: string) => boolean;
  /** Commits by revision; default: `main` alone. */
  readonly refs?: Readonly<Record<string, string>>;
  /** The token without which nothing is shown. */
  readonly token?: string;
  readonly gated?: boolean;
}

/** A request as a fault sees it. */
export interface TestRequest {
  readonly kind: "info" | "list" | "file" | "unknown";
  /** The file asked for, or "". */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** Requests of the same kind and path before this one. */
  readonly earlier: number;
}

/** A misbehaviour in one answer. */
export type TestFault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** The connection breaks after so many bytes of the body. */
  | { readonly breakAfter: number }
  /** So many bytes come, then none, and the connection stays. */
  | { readonly stallAfter: number }
  /** The whole file whatever was asked for. */
  | { readonly ignoreRange: true }
  /** Another length than the file's is announced, and sent. */
  | { readonly announce: number }
  /** One bit of the body is wrong. */
  | { readonly corrupt: true }
  /** Sent elsewhere first. */
  | { readonly redirect: string };

/** A running test hub. */
export interface TestHub extends AsyncDisposable {
  readonly endpoint: string;
  /** The same server under another origin. */
  readonly otherOrigin: string;
  readonly requests: readonly TestRequest[];
  /** Commit of `main` of a repository. */
  commitOf(repository: string): string;
}

/** A commit that differs from name to name. */
export function testCommit(name: string): string {
  return createHash("sha1").update(name).digest("hex");
}

/**
 * Starts a hub on a free port of this machine.
 *
 * @param fault how an answer goes wrong, or undefined for a sound one
 */
export async function startTestHub(
  repositories: Readonly<Record<string, TestRepository>>,
  fault: (request: TestRequest) => TestFault | undefined = () => undefined,
): Promise<TestHub> {
  const requests: TestRequest[] = [];
  const server = createServer((incoming, response) => {
    const found = route(incoming.url ?? "/", repositories);
    const { kind, path } = found;
    const earlier = requests.filter((other) => other.kind === kind && other.path === path).length;
    const asked: TestRequest = { kind, path, headers: incoming.headers, earlier };
    requests.push(asked);
    const wrong = fault(asked);
    if (wrong !== undefined && "status" in wrong) {
      response.writeHead(wrong.status, wrong.headers).end(wrong.body ?? "");
    } else if (wrong !== undefined && "redirect" in wrong) {
      response.writeHead(302, { location: wrong.redirect + incoming.url }).end();
    } else {
      answer(incoming, response, found, wrong);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    otherOrigin: `http://localhost:${port}`,
    requests,
    commitOf: (repository) => refsOf(repository, repositories[repository]!).main!,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Route {
  readonly kind: TestRequest["kind"];
  readonly name: string;
  readonly repository: TestRepository | undefined;
  readonly revision: string;
  readonly path: string;
}

function route(url: string, repositories: Readonly<Record<string, TestRepository>>): Route {
  const parts = new URL(url, "http://hub").pathname.split("/").slice(1).map(decodeURIComponent);
  const place = (kind: Route["kind"], name: string, revision: string, path: string): Route => {
    return { kind, name, revision, path, repository: repositories[name] };
  };
  if (parts[0] === "api" && parts[1] === "models") {
    const [, , owner, name, verb, revision = ""] = parts;
    return place(verb === "tree" ? "list" : "info", `${owner}/${name}`, revision, "");
  }
  const [owner, name, verb, revision = "", ...path] = parts;
  if (verb !== "resolve") return place("unknown", "", "", parts.join("/"));
  return place("file", `${owner}/${name}`, revision, path.join("/"));
}

function refsOf(name: string, { refs }: TestRepository): Readonly<Record<string, string>> {
  return refs ?? { main: testCommit(name) };
}

function answer(
  incoming: IncomingMessage,
  response: ServerResponse,
  { kind, name, repository, revision, path }: Route,
  fault: TestFault | undefined,
): void {
  const refuse = (status: number, code: string) =>
    response.writeHead(status, { "x-error-code": code, "content-type": "application/json" }).end('{"error":"refused"}');
  const authorised = (token: string) => incoming.headers.authorization === `Bearer ${token}`;
  if (repository === undefined) {
    refuse(incoming.headers.authorization === undefined ? 401 : 404, "RepoNotFound");
    return;
  }
  if (repository.token !== undefined && !authorised(repository.token)) {
    refuse(repository.gated === true ? 403 : 401, repository.gated === true ? "GatedRepo" : "RepoNotFound");
    return;
  }
  const refs = refsOf(name, repository);
  const commit = refs[revision] ?? Object.values(refs).find((each) => each === revision);
  if (commit === undefined) {
    refuse(404, "RevisionNotFound");
    return;
  }
  const large = repository.large ?? ((file) => /\.(safetensors|gguf|bin)$/.test(file));
  if (kind === "info") {
    sendJson(response, { _id: "1", id: name, sha: commit, lastModified: "2026-01-01T00:00:00.000Z" });
  } else if (kind === "list") {
    const entries = Object.entries(repository.files).map(([file, content]) => {
      const bytes = Buffer.from(content);
      const oid = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
      const lfs = { oid: createHash("sha256").update(bytes).digest("hex"), size: bytes.length, pointerSize: 130 };
      return { type: "file", path: file, size: bytes.length, oid, ...(large(file) ? { lfs } : {}) };
    });
    sendJson(response, entries);
  } else {
    const content = repository.files[path];
    if (content === undefined) refuse(404, "EntryNotFound");
    else sendFile(incoming, response, Buffer.from(content), fault);
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}

function sendFile(
  incoming: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  fault: TestFault | undefined,
): void {
  const has = <Key extends string>(key: Key) => fault !== undefined && key in fault;
  const tag = `"${createHash("sha256").update(content).digest("hex")}"`;
  const ifRange = incoming.headers["if-range"]?.toString();
  const range = /^bytes=(\d+)-(\d*)$/.exec(incoming.headers.range ?? "");
  const wanted = range !== null && !has("ignoreRange") && [undefined, tag].includes(ifRange);
  const start = wanted ? Number(range[1]) : 0;
  const end = wanted && range[2] !== "" ? Math.min(content.length, Number(range[2]) + 1) : content.length;
  if (start > 0 && start >= content.length) {
    response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
    return;
  }
  let body = Buffer.from(content.subarray(start, end));
  if (has("corrupt") && body.length > 0) body[body.length >> 1]! ^= 1;
  if (fault !== undefined && "announce" in fault) body = Buffer.concat([body, body]).subarray(0, fault.announce);
  response.writeHead(wanted ? 206 : 200, {
    etag: tag,
    "accept-ranges": "bytes",
    "content-length": body.length,
    ...(wanted ? { "content-range": `bytes ${start}-${end - 1}/${content.length}` } : {}),
  });
  if (fault !== undefined && ("breakAfter" in fault || "stallAfter" in fault)) {
    const count = "breakAfter" in fault ? fault.breakAfter : fault.stallAfter;
    response.write(body.subarray(0, count), () => {
      // A moment for the bytes to leave before the connection goes.
      if ("breakAfter" in fault) setTimeout(() => response.destroy(), 20);
    });
    return;
  }
  response.end(body);
}
