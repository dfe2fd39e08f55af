// Files on a real disk: exact reads, whole writes or none, text through gzip, hashes, and typed errors throughout.
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createDirectory,
  decodeText,
  FileError,
  findPathKind,
  listDirectory,
  memorySource,
  openFile,
  parseGzip,
  readChunks,
  readJson,
  readLines,
  readText,
  removePartialFiles,
  withSignal,
  writeFileAtomic,
} from "./index.ts";
import { byteSourceLaws } from "./testing/index.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dual-head-bytes-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function collectLines(path: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(path)) lines.push(line);
  return lines;
}

byteSourceLaws("memorySource()", async (bytes) => memorySource(bytes, "memory"));
byteSourceLaws("openFile()", async (bytes) => {
  await writeFile(join(folder, "content"), bytes);
  return openFile(join(folder, "content"));
});
byteSourceLaws("withSignal()", async (bytes) =>
  withSignal(memorySource(bytes, "memory"), new AbortController().signal),
);

describe("byte sources", () => {
  const content = Uint8Array.from({ length: 1009 }, (_, index) => (index * 37) % 251);

  it("withSignal() ends reads with its signal, and with their own", async () => {
    const controller = new AbortController();
    const source = withSignal(memorySource(content, "memory"), controller.signal);
    await expect(source.read(0, 1, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
    expect(await source.read(2, 3)).toEqual(content.slice(2, 5));
    controller.abort(new RangeError("enough"));
    await expect(source.read(0, 1)).rejects.toThrow(RangeError);
  });

  it("openFile() refuses what is missing or a folder", async () => {
    await expect(openFile(join(folder, "none"))).rejects.toMatchObject({ name: "FileError", action: "open" });
    await expect(openFile(folder)).rejects.toThrow(/it is a folder/);
  });

  it("a file cut while open gives an error and no short read", async () => {
    const path = join(folder, "shrinking");
    await writeFile(path, content);
    const source = await openFile(path);
    await truncate(path, 503);
    await expect(source.read(0, 1009)).rejects.toMatchObject({ action: "read", byte: 503 });
    await source.close();
  });
});

describe("writeFileAtomic()", () => {
  it("writes bytes, text and chunks", async () => {
    const path = join(folder, "written");
    await writeFileAtomic(path, "é\n");
    expect(await readFile(path, "utf8")).toBe("é\n");
    await writeFileAtomic(path, Uint8Array.of(1, 2, 3));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    await writeFileAtomic(path, readChunks(memorySource(Uint8Array.of(5, 6, 7, 8, 9), "m"), 2));
    expect([...(await readFile(path))]).toEqual([5, 6, 7, 8, 9]);
    expect((await readdir(folder)).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  it("keeps the old file and leaves nothing behind when the data fails half way", async () => {
    const path = join(folder, "kept");
    await writeFileAtomic(path, "old");
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1);
      throw new RangeError("the source broke");
    };
    await expect(writeFileAtomic(path, failing())).rejects.toThrow(RangeError);
    expect(await readFile(path, "utf8")).toBe("old");
    expect((await readdir(folder)).filter((name) => name.includes("partial"))).toEqual([]);
  });

  it("says why a place is not writable", async () => {
    await expect(writeFileAtomic(join(folder, "absent", "x"), "x")).rejects.toMatchObject({
      name: "FileError",
      action: "write",
    });
    const occupied = join(folder, "a-folder");
    await createDirectory(join(occupied, "inside"));
    await expect(writeFileAtomic(occupied, "x")).rejects.toThrow(FileError);
    expect((await readdir(folder)).filter((name) => name.includes("partial"))).toEqual([]);
    const locked = join(folder, "locked");
    await createDirectory(locked);
    await chmod(locked, 0o500);
    // The superuser may write anywhere.
    if (process.getuid?.() !== 0) await expect(writeFileAtomic(join(locked, "x"), "x")).rejects.toThrow(/permission/);
  });

  it("lets many writers of one place finish, each whole", async () => {
    const path = join(folder, "contended");
    const texts = Array.from({ length: 11 }, (_, index) => String(index).repeat(1009));
    await Promise.all(texts.map((text) => writeFileAtomic(path, text)));
    expect(texts).toContain(await readFile(path, "utf8"));
  });
});

describe("folders", () => {
  it("are told from files and from nothing", async () => {
    await writeFile(join(folder, "plain"), "");
    expect(await findPathKind(folder)).toBe("directory");
    expect(await findPathKind(join(folder, "plain"))).toBe("file");
    expect(await findPathKind(join(folder, "plain", "below"))).toBe("missing");
    expect(await listDirectory(folder)).toContain("plain");
    await expect(listDirectory(join(folder, "nowhere"))).rejects.toThrow(FileError);
    await expect(createDirectory(join(folder, "plain", "below"))).rejects.toMatchObject({ action: "create" });
    await expect(createDirectory(join(folder, "plain"))).rejects.toMatchObject({ action: "create" });
    const deep = join(folder, "a", "b", "c");
    await Promise.all([createDirectory(deep), createDirectory(deep), createDirectory(`${deep}/`)]);
    expect(await findPathKind(deep)).toBe("directory");
  });
});

describe.skipIf(!existsSync("/proc/self"))("createDirectory() in a file system that refuses folders", () => {
  it("fails instead of trying for ever", async () => {
    await expect(createDirectory("/proc/nowhere/below")).rejects.toMatchObject({ action: "create" });
  });
});

describe("removePartialFiles()", () => {
  it("removes what a killed writer of this file left, and nothing else", async () => {
    const own = join(folder, "partials");
    await createDirectory(own);
    const kept = ["a", "a.partial", "a.1-x.partial", "b.1-2.partial", "a.b.1-2.partial"];
    for (const name of [...kept, "a.1-2.partial", "a.37-0.partial"]) await writeFile(join(own, name), "");
    await removePartialFiles(join(own, "a"));
    expect(await listDirectory(own)).toEqual(kept.toSorted());
    await expect(removePartialFiles(join(own, "nowhere", "a"))).rejects.toThrow(FileError);
  });
});

describe("text", () => {
  it("readLines() and readText() give the same text, compressed or not", async () => {
    const path = join(folder, "lines");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "grapheme", maxLength: 17 })), fc.boolean(), async (parts, zip) => {
        const text = parts.join("\n");
        await writeFile(path, zip ? gzipSync(text) : text);
        expect(await readText(path)).toBe(text);
        const expected = text.split("\n");
        if (expected.at(-1) === "") expected.pop();
        expect(await collectLines(path)).toEqual(expected);
      }),
      { seed: 41, numRuns: 60, examples: [[["", "é", "\r"], true]] },
    );
  });

  it("characters cut by a chunk's end come out whole", async () => {
    const path = join(folder, "long");
    const text = `x${"é😀".repeat(400_009)}\nend`;
    await writeFile(path, text);
    expect((await collectLines(path)).join("\n")).toBe(text);
  });

  it("a byte order mark is dropped", () => {
    expect(decodeText(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), "x")).toBe("a");
  });

  it("decodeText() accepts what the platform accepts and names the first bad byte", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.uint8Array({ maxLength: 5 }), fc.nat(), (text, insert, at) => {
        const sound = new TextEncoder().encode(text.toWellFormed());
        const place = at % (sound.length + 1);
        const bytes = Uint8Array.from([...sound.slice(0, place), ...insert, ...sound.slice(place)]);
        let expected: string | null = null;
        try {
          expected = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
        } catch {}
        if (expected !== null) expect(decodeText(bytes, "x")).toBe(expected);
        else {
          try {
            decodeText(bytes, "x");
            expect.unreachable();
          } catch (error) {
            const { byte } = error as FileError;
            expect(byte).not.toBeNull();
            const before = bytes.slice(0, byte!);
            expect(() => new TextDecoder("utf-8", { fatal: true }).decode(before)).not.toThrow();
          }
        }
      }),
      { seed: 42, numRuns: 1000 },
    );
  });

  it("damaged gzip and damaged UTF-8 give typed errors", async () => {
    const zipped = gzipSync("hello world ".repeat(1009));
    expect(decodeText(await parseGzip(zipped), "x")).toBe("hello world ".repeat(1009));
    // Members behind each other are one text, as gzip has it.
    const twice = new Uint8Array([...zipped, ...zipped]);
    expect(decodeText(await parseGzip(twice), "x")).toBe("hello world ".repeat(2018));
    await fc.assert(
      fc.asyncProperty(fc.nat(zipped.length - 1), fc.nat(255), async (at, byte) => {
        const changed = Uint8Array.from(zipped);
        changed[at] = byte;
        await parseGzip(changed, "x").catch((error) => expect(error).toBeInstanceOf(FileError));
        await expect(parseGzip(zipped.subarray(0, at), "x")).rejects.toBeInstanceOf(FileError);
      }),
      { seed: 43, numRuns: 100 },
    );
    const path = join(folder, "bad-text");
    await writeFile(path, Uint8Array.of(0x61, 0x0a, 0xff));
    await expect(readText(path)).rejects.toMatchObject({ action: "decode", byte: 2 });
    await expect(collectLines(path)).rejects.toMatchObject({ action: "decode" });
  });

  it("readJson() reads what was written", async () => {
    const path = join(folder, "x.json");
    await writeFileAtomic(path, JSON.stringify({ a: [1, null] }));
    expect(await readJson(path)).toEqual({ a: [1, null] });
  });
});
