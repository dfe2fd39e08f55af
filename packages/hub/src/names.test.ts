// Names of repositories and paths, the choice of files, settings and waiting times: what needs no server.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, normalize, sep, win32 } from "node:path";
import { FileError } from "@dual-head/bytes";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  chooseFiles,
  HubError,
  loadHubSettings,
  parseRepositoryName,
  requireRepositoryName,
  shardsOfIndex,
} from "./index.ts";
import { type HubEvent, ProgressMeter } from "./progress.ts";
import { isSafePath } from "./repository-name.ts";
import { parseRetryAfter } from "./transport.ts";

describe("parseRepositoryName()", () => {
  it("reads what is written from its parts (seed 5)", () => {
    const part = fc.stringMatching(/^[A-Za-z0-9]([._-]?[A-Za-z0-9_]){0,7}$/).filter((text) => !text.includes("--"));
    const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(part, part, fc.option(path), fc.option(path), (owner, name, revision, file) => {
        const text = `${owner}/${name}${revision === null ? "" : `@${revision}`}${file === null ? "" : `:${file}`}`;
        expect(parseRepositoryName(text)).toEqual({
          repository: `${owner}/${name}`,
          revision: revision ?? "main",
          file,
        });
      }),
      { seed: 5 },
    );
  });

  it("refuses everything else, and anything that could leave a folder", () => {
    for (const text of [
      ...["", "gpt2", "a/b/c", "../b", "a/..", "/a/b", "a//b", ".a/b", "a/b.", "a--b/c", "a b/c", "a/b@", "a/b:"],
      ...["a/b@../x", "a/b@x/../y", "a/b@x~1", "a/b:../x", "a/b:/x", "a/b:x\\y", "a/b:C:x", "C:\\a/b", "http://a/b"],
    ]) {
      expect([text, parseRepositoryName(text)]).toEqual([text, null]);
      expect(() => requireRepositoryName(text)).toThrow(HubError);
    }
    expect(requireRepositoryName("a/b@refs/pr/3").revision).toBe("refs/pr/3");
  });
});

describe("isSafePath()", () => {
  it("is true only of paths that stay inside, on every platform (seed 6)", () => {
    const text = fc.string({ unit: fc.constantFrom("a", ".", "..", "/", "\\", ":", " ", "\0", "C:"), maxLength: 9 });
    fc.assert(
      fc.property(text, (path) => {
        if (!isSafePath(path)) return;
        expect(join("/root", ...path.split("/")).startsWith(`${sep}root${sep}`)).toBe(true);
        expect(win32.join("C:\\root", ...path.split("/")).startsWith("C:\\root\\")).toBe(true);
        expect(normalize(path)).toBe(path);
        expect(path.includes("\0")).toBe(false);
      }),
      { seed: 6, numRuns: 2000, examples: [["a/.a"], ["..a"], ["a/b/c"]] },
    );
    expect(isSafePath("additional_chat_templates/tool_use.jinja")).toBe(true);
  });
});

describe("chooseFiles()", () => {
  const common = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"];
  const others = ["README.md", "pytorch_model.bin", "model.onnx", "original/consolidated.00.pth", "tf_model.h5"];
  it("takes safetensors, config and tokenizer, and no other copy of the weights", () => {
    const { paths } = chooseFiles([...common, ...others, "model.safetensors", "x.gguf"], "auto", "a/b");
    expect([...paths].sort()).toEqual([...common, "model.safetensors"].sort());
  });
  it("takes an index before GGUF, one GGUF alone, and asks which of several", () => {
    const index = "model.safetensors.index.json";
    expect(chooseFiles([...common, index, "x.gguf"], "model", "a/b").index).toBe(index);
    expect(chooseFiles(["README.md", "q/x.gguf"], "model", "a/b").paths).toEqual(["q/x.gguf"]);
    const parts = ["q/m-00001-of-00003.gguf", "q/m-00002-of-00003.gguf", "q/m-00003-of-00003.gguf"];
    expect(chooseFiles(["README.md", ...parts.toReversed()], "model", "a/b").paths).toEqual(parts);
    // What is missing is asked for, and then named.
    expect(chooseFiles([parts[2]!], "model", "a/b").paths).toEqual(parts);
    expect(() => chooseFiles([...parts, "y.gguf"], "model", "a/b")).toThrow("needs one GGUF file");
    expect(() => chooseFiles(["x.gguf", "y.gguf"], "model", "a/b")).toThrow("name one, such as a/b:x.gguf");
    expect(() => chooseFiles(others, "model", "a/b")).toThrow(/it needs model.safetensors.* but has pytorch_model.bin/);
    expect(() => chooseFiles([], "model", "a/b")).toThrow("has none");
  });
  it("takes heads where they are, and a tokenizer alone", () => {
    expect(chooseFiles(["heads.safetensors", "card.md", "x"], "auto", "a/b").paths).toHaveLength(2);
    expect(() => chooseFiles(["model.safetensors"], "heads", "a/b")).toThrow("trained heads");
    const adapter = ["adapter_config.json", "adapter_model.safetensors"];
    expect(chooseFiles([...adapter, "README.md", "tokenizer.json"], "adapter", "a/b").paths).toEqual(adapter);
    expect(() => chooseFiles(["adapter_config.json", "adapter_model.bin"], "adapter", "a/b")).toThrow(
      "needs adapter_config.json and adapter_model.safetensors but has adapter_config.json, adapter_model.bin",
    );
    expect(chooseFiles([...common, "model.safetensors"], "tokenizer", "a/b").paths).toHaveLength(2);
    expect(() => chooseFiles(["config.json"], "tokenizer", "a/b")).toThrow(HubError);
  });
  it("reads shards from an index, and refuses what is none", () => {
    const text = JSON.stringify({ weight_map: { a: "m-2.safetensors", b: "m-1.safetensors", c: "m-1.safetensors" } });
    expect(shardsOfIndex(text, "index")).toEqual(["m-1.safetensors", "m-2.safetensors"]);
    fc.assert(
      fc.property(fc.json(), (json) => {
        try {
          shardsOfIndex(json, "index");
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
        }
      }),
      { seed: 7, examples: [['{"weight_map":{}}'], ['{"weight_map":{"a":"x.bin"}}'], ["null"]] },
    );
  });
});

describe("loadHubSettings()", () => {
  it("follows the variables that all clients of the hub share", async () => {
    const nowhere = { HF_TOKEN_PATH: "/nowhere/token" };
    expect(await loadHubSettings(nowhere)).toEqual({
      endpoint: "https://huggingface.co",
      cacheFolder: join(homedir(), ".cache/huggingface/hub"),
      token: null,
      offline: false,
    });
    const cacheOf = async (environment: Record<string, string>) =>
      (await loadHubSettings({ ...nowhere, ...environment })).cacheFolder;
    expect(await cacheOf({ XDG_CACHE_HOME: "/x" })).toBe("/x/huggingface/hub");
    expect(await cacheOf({ XDG_CACHE_HOME: "/x", HF_HOME: "~/h" })).toBe(join(homedir(), "h/hub"));
    expect(await cacheOf({ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/l" })).toBe("/l");
    expect(await cacheOf({ HUGGINGFACE_HUB_CACHE: "/l", HF_HUB_CACHE: "/c" })).toBe("/c");
    expect((await loadHubSettings({ ...nowhere, HF_ENDPOINT: "http://h:1/" })).endpoint).toBe("http://h:1");
    for (const value of ["1", "ON", "yes", "True"]) {
      expect((await loadHubSettings({ ...nowhere, HF_HUB_OFFLINE: value })).offline).toBe(true);
    }
    await expect(loadHubSettings({ HF_ENDPOINT: "ftp://x" })).rejects.toThrow("HF_ENDPOINT must be");
  });
  it("takes the token that logging in stored, unless HF_TOKEN is set", async () => {
    const home = await mkdtemp(join(tmpdir(), "dual-head-hub-"));
    try {
      await writeFile(join(home, "token"), "stored\n");
      expect((await loadHubSettings({ HF_HOME: home })).token).toBe("stored");
      expect((await loadHubSettings({ HF_HOME: home, HF_TOKEN: "given" })).token).toBe("given");
    } finally {
      await rm(home, { recursive: true });
    }
  });
});

describe("parseRetryAfter()", () => {
  it("reads seconds and dates, and nothing else", () => {
    const now = Date.parse("Wed, 21 Oct 2026 07:28:00 GMT");
    expect(parseRetryAfter("17", now)).toBe(17);
    expect(parseRetryAfter("Wed, 21 Oct 2026 07:28:31 GMT", now)).toBe(31);
    expect(parseRetryAfter("Wed, 21 Oct 2026 07:27:00 GMT", now)).toBe(0);
    expect([null, "soon", "-3"].map((header) => parseRetryAfter(header, now) ?? "none")).toEqual(["none", "none", 0]);
  });
});

describe("ProgressMeter", () => {
  it("adds up files, takes the rate from fresh bytes only, and says what is left", () => {
    let now = 0;
    const events: HubEvent[] = [];
    const meter = new ProgressMeter(
      1000,
      (event) => events.push(event),
      () => now,
    );
    meter.add("a", "a", 400, 0);
    now = 1;
    meter.add("b", "b", 100, 100);
    now = 2;
    meter.add("b", "b", 300, 200);
    expect(events.at(-1)).toEqual({
      kind: "progress",
      path: "b",
      loadedBytes: 700,
      totalBytes: 1000,
      bytesPerSecond: 150,
      etaSeconds: 2,
    });
    // Begun anew: what was there counts no more.
    now = 3;
    meter.add("a", "a", 0, 0);
    expect(events.at(-1)).toMatchObject({ loadedBytes: 300 });
    meter.add("a", "a", 1, 1);
    expect(events).toHaveLength(4);
  });
});
