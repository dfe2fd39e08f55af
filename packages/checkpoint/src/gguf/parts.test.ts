// Models in several GGUF files: the same checkpoint as in one, from any of them, and what is wrong with a set by name.
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFile } from "@dual-head/bytes";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError } from "../errors.ts";
import { openCheckpoint } from "../open-checkpoint.ts";
import { openGguf } from "./open.ts";
import { type GgufTensor, type GgufValue, writeGguf } from "./write.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-gguf-parts-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const tensorOf = (name: string, seed: number): GgufTensor => ({
  ...{ name, shape: [seed + 1, 32], dtype: "Q8_0" },
  values: () => Float32Array.from({ length: 32 * (seed + 1) }, (_, at) => Math.sin(seed + at)),
});
const tensors = Array.from({ length: 7 }, (_, index) => tensorOf(`t${index}`, index));
const fields: Readonly<Record<string, GgufValue>> = { "general.name": { string: "x" }, "x.count": { u32: 5 } };
const nameOf = (index: number, count: number) =>
  `m-${`${index + 1}`.padStart(5, "0")}-of-${`${count}`.padStart(5, "0")}.gguf`;

/** Writes parts as gguf-split does: metadata in the first, its own place in each; answers with their paths. */
async function writeParts(
  parts: readonly (readonly GgufTensor[])[],
  changeOf: (index: number) => Readonly<Record<string, GgufValue>> = () => ({}),
): Promise<readonly string[]> {
  const folder = await mkdtemp(join(root, "model-"));
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  const paths: string[] = [];
  for (const [index, own] of parts.entries()) {
    const split = {
      "split.no": { u32: index },
      "split.count": { u32: parts.length },
      "split.tensors.count": { u32: total },
    };
    paths.push(join(folder, nameOf(index, parts.length)));
    await writeGguf(paths[index]!, { ...(index === 0 ? fields : {}), ...split, ...changeOf(index) }, own);
  }
  return paths;
}

describe("openCheckpoint() of a GGUF model in parts", () => {
  it("gives what the whole file gives, whichever part is named (seed 51)", async () => {
    const whole = join(root, "whole.gguf");
    await writeGguf(whole, fields, tensors);
    const expected = await openCheckpoint(whole);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 2 }), { minLength: tensors.length, maxLength: tensors.length }),
        fc.nat({ max: 2 }),
        async (places, named) => {
          const paths = await writeParts([0, 1, 2].map((part) => tensors.filter((_, at) => places[at] === part)));
          const checkpoint = await openCheckpoint(paths[named]!);
          expect(checkpoint.names).toEqual(expected.names);
          expect([checkpoint.path, checkpoint.fields.get("general.name")]).toEqual([paths[named], "x"]);
          for (const name of expected.names) {
            expect(checkpoint.spec(name)).toEqual(expected.spec(name));
            expect(await checkpoint.read(name, "f32")).toEqual(await expected.read(name, "f32"));
          }
          await checkpoint.close();
        },
      ),
      { seed: 51, numRuns: 15 },
    );
    await expected.close();
  });

  it("takes a model in one part, and a whole file that counts none", async () => {
    const [path] = await writeParts([tensors]);
    for (const counted of [path!, (await writeParts([tensors], () => ({ "split.count": { u32: 0 } })))[0]!]) {
      const checkpoint = await openCheckpoint(counted);
      expect(checkpoint.names.length).toBe(7);
      await checkpoint.close();
    }
  });

  const [first, second, third] = [tensors.slice(0, 2), tensors.slice(2, 5), tensors.slice(5)];
  const change = (part: number, key: string, value: number) => (index: number) =>
    index === part ? { [key]: { u32: value } } : {};
  const faults: readonly (readonly [string, () => Promise<string>, RegExp])[] = [
    [
      "a part is missing",
      async () => {
        const paths = await writeParts([first, second, third]);
        await rm(paths[1]!);
        return paths[2]!;
      },
      /its part m-00002-of-00003\.gguf is missing; fetch it$/,
    ],
    [
      "a part has another name",
      async () => {
        const [path] = await writeParts([first, second]);
        await rename(path!, join(root, "renamed.gguf"));
        return join(root, "renamed.gguf");
      },
      /one of 2 parts but has not a name that ends in -0000i-of-00002\.gguf; give all parts such names/,
    ],
    [
      "a part is another's",
      async () => (await writeParts([first, second, third], change(1, "split.no", 2)))[0]!,
      /m-00002-of-00003\.gguf says that it is part 3 of 3/,
    ],
    [
      "a part counts others",
      async () => (await writeParts([first, second, third], change(2, "split.count", 4)))[0]!,
      /m-00003-of-00003\.gguf says that it is part 3 of 4/,
    ],
    [
      "a tensor lies in two parts",
      async () => (await writeParts([first, [...second, first[1]!]]))[0]!,
      /tensor "t1" lies in two of its parts/,
    ],
    [
      "tensors are missing",
      async () => (await writeParts([first, second], change(0, "split.tensors.count", 9)))[0]!,
      /its parts hold 5 tensors and say 9/,
    ],
    [
      "there are more parts than names can count",
      async () => (await writeParts([first, second], change(0, "split.count", 100_000)))[0]!,
      /one of 100000 parts; fetch it again/,
    ],
  ];
  for (const [label, make, message] of faults) {
    it(`says so where ${label}`, async () => {
      const path = await make();
      await expect(openCheckpoint(path)).rejects.toThrow(message);
      await expect(openCheckpoint(path)).rejects.toThrow(CheckpointError);
    });
  }

  it("closes every part, and refuses one without its folder", async () => {
    const [path] = await writeParts([first, second]);
    const source = await openFile(path!);
    await expect(openGguf(source)).rejects.toThrow("open it by its path beside the others");
    await expect(source.read(0, 4)).rejects.toThrow("has been closed");
    const checkpoint = await openCheckpoint(path!);
    await checkpoint.close();
    for (const name of ["t0", "t4"]) await expect(checkpoint.read(name, "f32")).rejects.toThrow("has been closed");
  });
});
