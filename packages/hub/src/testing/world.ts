// A test hub with one small model, an empty cache and quick retries, for the tests of this package.
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HubError } from "../hub-error.ts";
import { type RepositoryName, requireRepositoryName } from "../repository-name.ts";
import type { HubSettings } from "../settings.ts";
import type { PullOptions } from "../snapshot.ts";
import {
  startTestHub,
  type TestFault,
  type TestHub,
  type TestRepository,
  type TestRequest,
  testCommit,
} from "./hub-server.ts";

/** Bytes of the model's weights. */
export const weights: Uint8Array = Uint8Array.from({ length: 400_009 }, (_, index) => (index * 31) % 253);

/** A small model with files that are not needed. */
export const model: TestRepository = {
  files: {
    "config.json": '{"model_type":"llama"}',
    "tokenizer.json": '{"version":"1.0"}',
    "additional_chat_templates/tool.jinja": "{{ x }}",
    "model.safetensors": weights,
    "pytorch_model.bin": new Uint8Array(1009),
    "README.md": "# a model",
  },
  refs: { main: testCommit("1"), "refs/pr/3": testCommit("2"), v1: testCommit("1") },
};

/** The name of that model. */
export const name: RepositoryName = requireRepositoryName("owner/model");

/** A hub, an empty cache and how to pull from one to the other. */
export interface World extends AsyncDisposable {
  readonly hub: TestHub;
  readonly cacheFolder: string;
  readonly settings: HubSettings;
  readonly options: PullOptions;
  /** The folder of the model's blobs. */
  readonly blobs: string;
}

/** Starts a hub whose answers may go wrong. */
export async function world(
  fault?: (request: TestRequest) => TestFault | undefined,
  repositories: Readonly<Record<string, TestRepository>> = { "owner/model": model },
): Promise<World> {
  const hub = await startTestHub(repositories, fault);
  const cacheFolder = await mkdtemp(join(tmpdir(), "dual-head-hub-"));
  const settings: HubSettings = { endpoint: hub.endpoint, cacheFolder, token: null, offline: false };
  return {
    hub,
    cacheFolder,
    settings,
    options: { settings, retry: { delaySeconds: 0.001, count: 3 } },
    blobs: join(cacheFolder, "models--owner--model", "blobs"),
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await rm(cacheFolder, { recursive: true, force: true });
    },
  };
}

/** Requests for the bytes of a file. */
export function fileRequests(hub: TestHub, path: string = "model.safetensors"): readonly TestRequest[] {
  return hub.requests.filter((request) => request.kind === "file" && request.path === path);
}

/** Misbehaviour of the first answers about the weights. */
export function onWeights(...faults: readonly TestFault[]): (request: TestRequest) => TestFault | undefined {
  return ({ kind, path, earlier }) => (kind === "file" && path === "model.safetensors" ? faults[earlier] : undefined);
}

/** SHA-256 in hexadecimal digits. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What a promise is refused with, which must be a HubError. */
export async function failure(promise: Promise<unknown>): Promise<HubError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof HubError) return error;
  throw error ?? new Error("Cannot check the failure: nothing failed");
}
