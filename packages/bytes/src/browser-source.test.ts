// Blobs are Node's own; handles are made here in the shape browsers give them, over a folder of blobs.
import { describe, expect, it } from "vitest";
import { blobSource, type DirectoryHandleLike, type FileHandleLike, openFileHandle, openOpfs } from "./index.ts";
import { byteSourceLaws } from "./testing/index.ts";

/** A folder as OPFS hands it out: contents by name, folders within. */
interface Tree {
  readonly [name: string]: Blob | Tree;
}

function domError(name: string): DOMException {
  return new DOMException("as browsers say it", name);
}

function directory(tree: Tree): DirectoryHandleLike {
  const find = (name: string): Blob | Tree => {
    const found = Object.hasOwn(tree, name) ? tree[name] : undefined;
    if (found === undefined) throw domError("NotFoundError");
    return found;
  };
  return {
    async getDirectoryHandle(name) {
      const found = find(name);
      if (found instanceof Blob) throw domError("TypeMismatchError");
      return directory(found);
    },
    async getFileHandle(name) {
      const found = find(name);
      if (!(found instanceof Blob)) throw domError("TypeMismatchError");
      return { name, getFile: async () => found };
    },
  };
}

byteSourceLaws("blobSource()", async (bytes) => blobSource(new Blob([bytes]), "blob"));
byteSourceLaws("openFileHandle()", (bytes) =>
  openFileHandle({ name: "picked", getFile: async () => new Blob([bytes]) }),
);
byteSourceLaws("openOpfs()", (bytes) =>
  openOpfs("models/m.gguf", directory({ models: { "m.gguf": new Blob([bytes]) } })),
);

describe("openOpfs()", () => {
  const root = directory({ models: { "m.gguf": new Blob([Uint8Array.of(1, 2, 3)]) } });

  it("finds files by their path, from the root of the platform by default", async () => {
    const source = await openOpfs("/models/m.gguf", root);
    expect([source.name, source.size]).toEqual(["/models/m.gguf", 3]);
    // Node has no such storage.
    await expect(openOpfs("models/m.gguf")).rejects.toMatchObject({ name: "FileError", action: "open" });
  });

  it("says what is missing or of another kind", async () => {
    await expect(openOpfs("models/absent", root)).rejects.toThrow(/there is no such file or folder/);
    await expect(openOpfs("absent/m.gguf", root)).rejects.toThrow(/there is no such file or folder/);
    await expect(openOpfs("models", root)).rejects.toThrow(/of another kind/);
    await expect(openOpfs("models/m.gguf/x", root)).rejects.toThrow(/of another kind/);
    await expect(openOpfs("//", root)).rejects.toThrow(/names no file/);
  });
});

describe("openFileHandle()", () => {
  it("fails where the file was written since, and where bytes are short", async () => {
    const stale = (arrayBuffer: () => Promise<ArrayBuffer>): FileHandleLike => ({
      name: "m",
      getFile: async () => ({ size: 100, slice: () => ({ arrayBuffer }) }),
    });
    const changed = await openFileHandle(stale(() => Promise.reject(domError("NotReadableError"))));
    await expect(changed.read(0, 5)).rejects.toThrow("Cannot read m: it has changed or gone since it was opened");
    const short = await openFileHandle(stale(async () => new ArrayBuffer(3)));
    await expect(short.read(7, 5)).rejects.toMatchObject({ name: "FileError", byte: 7 });
    const refused = { name: "m", getFile: () => Promise.reject(domError("NotAllowedError")) };
    await expect(openFileHandle(refused)).rejects.toThrow(/has not allowed it/);
  });
});
