// The laws of the ByteSource interface: any implementation, over whatever medium, runs them.
// They do not know where bytes come from.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ByteSource, readChunks } from "../byte-source.ts";
import { FileError } from "../file-error.ts";

/** Options of {@link byteSourceLaws}. */
export interface ByteSourceLawOptions {
  /** Runs per property; 100. */
  readonly numRuns?: number;
}

/**
 * Registers the laws of a byte source with vitest.
 *
 * @param name what the source is called in the report
 * @param create makes a source that holds exactly these bytes; called for each law, closed by it
 */
export function byteSourceLaws(
  name: string,
  create: (content: Uint8Array<ArrayBuffer>) => Promise<ByteSource>,
  { numRuns = 100 }: ByteSourceLawOptions = {},
): void {
  const content = Uint8Array.from({ length: 1009 }, (_, index) => (index * 37) % 251);
  const { length: size } = content;
  const place = fc.integer({ min: -3, max: size + 4 });

  const using = async (body: (source: ByteSource) => Promise<void>, bytes = content): Promise<void> => {
    const source = await create(bytes);
    try {
      await body(source);
    } finally {
      await source.close();
    }
  };

  describe(`${name} is a byte source`, () => {
    it("of the length of its content, also of none", async () => {
      await using(async (source) => expect(source.size).toBe(size));
      await using(async (source) => {
        expect(source.size).toBe(0);
        expect(await source.read(0, 0)).toEqual(new Uint8Array(0));
        await expect(source.read(0, 1)).rejects.toThrow(FileError);
      }, new Uint8Array(0));
    });

    it("that reads any range inside and refuses any other (seed 31)", () =>
      using(async (source) => {
        await fc.assert(
          fc.asyncProperty(place, place, async (offset, length) => {
            const reading = source.read(offset, length);
            const inside = offset >= 0 && length >= 0 && offset + length <= size;
            if (inside) {
              expect(await reading).toEqual(content.slice(offset, offset + length));
              const into = new Uint8Array(length);
              expect(await source.read(offset, length, undefined, into)).toEqual(
                content.slice(offset, offset + length),
              );
            } else await expect(reading).rejects.toThrow(FileError);
          }),
          { seed: 31, numRuns },
        );
        for (const [offset, length] of [
          [0.5, 1],
          [0, 1.5],
          [Number.NaN, 1],
          [0, Number.POSITIVE_INFINITY],
          [2 ** 53, 1],
        ] as const) {
          await expect(source.read(offset, length)).rejects.toThrow(FileError);
        }
      }));

    it("that serves several readers at once", () =>
      using(async (source) => {
        const offsets = [0, 501, 7, 996, 100, 7];
        const read = await Promise.all(offsets.map((offset) => source.read(offset, 13)));
        expect(read).toEqual(offsets.map((offset) => content.slice(offset, offset + 13)));
      }));

    it("whose reads are the reader's own, aligned to eight bytes", () =>
      using(async (source) => {
        for (const offset of [0, 3]) {
          const first = await source.read(offset, 16);
          expect(first.byteOffset % 8).toBe(0);
          first.fill(255);
          expect(await source.read(offset, 16)).toEqual(content.slice(offset, offset + 16));
        }
      }));

    it("that can be read through in chunks", () =>
      using(async (source) => {
        const parts: number[] = [];
        for await (const chunk of readChunks(source, 101)) parts.push(...chunk);
        expect(Uint8Array.from(parts)).toEqual(content);
      }));

    it("whose reads end with their signal, and it only", () =>
      using(async (source) => {
        const controller = new AbortController();
        const reason = new Error("no more");
        expect(await source.read(0, 5, controller.signal)).toEqual(content.slice(0, 5));
        controller.abort(reason);
        await expect(source.read(0, 5, controller.signal)).rejects.toBe(reason);
        expect(await source.read(0, 5)).toEqual(content.slice(0, 5));
      }));

    it("that is not read once closed, and may be closed twice", async () => {
      const source = await create(content);
      await Promise.all([source.close(), source.close()]);
      await source.close();
      await expect(source.read(0, 1)).rejects.toThrow(FileError);
    });
  });
}
