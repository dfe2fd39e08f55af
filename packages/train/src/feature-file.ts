// The file that keeps hidden states: binary16 rows of examples one after the other, each with a checksum. Written by
// appending, so that an interrupted extraction goes on where it stopped; knows no backbone.
import { type ByteSource, f16ToF32, f32ToF16, findPathKind, openFile, toFileError } from "@dual-head/bytes";
import { TrainingError } from "./errors.ts";
import { type ExampleRows, rowCountOfExample } from "./rows.ts";
import type { TokenisedExample } from "./tokenise.ts";

const magic = "DHFEAT01";
const headerSize = 128;
const checksumSize = 4;

/** Where each example lies, from the lengths of its parts alone. */
export interface FeatureLayout {
  readonly key: string;
  readonly hiddenSize: number;
  /** Byte offset of each example, and of the end. */
  readonly offsets: readonly number[];
  readonly examples: readonly TokenisedExample[];
}

/** The layout of a file for these examples; `key` names everything the rows depend on, 64 hexadecimal digits. */
export function layoutFeatures(key: string, hiddenSize: number, examples: readonly TokenisedExample[]): FeatureLayout {
  const offsets = [headerSize];
  for (const example of examples) {
    offsets.push(offsets.at(-1)! + 2 * hiddenSize * rowCountOfExample(example) + checksumSize);
  }
  return { key, hiddenSize, offsets, examples };
}

function encodeHeader({ key, hiddenSize, offsets, examples }: FeatureLayout): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerSize);
  bytes.set(new TextEncoder().encode(`${magic}${key}`));
  const view = new DataView(bytes.buffer);
  view.setUint32(96, hiddenSize, true);
  view.setUint32(100, examples.length, true);
  view.setBigUint64(104, BigInt(offsets.at(-1)!), true);
  return bytes;
}

async function hasHeader(source: ByteSource, layout: FeatureLayout): Promise<boolean> {
  if (source.size < headerSize) return false;
  const expected = encodeHeader(layout);
  return (await source.read(0, headerSize)).every((byte, index) => byte === expected[index]);
}

async function checksum(bytes: Uint8Array): Promise<number> {
  return (await import("node:zlib")).crc32(bytes);
}

async function encodeExample({ prompt, responses }: ExampleRows, layout: FeatureLayout): Promise<Uint8Array> {
  const parts = [prompt, ...responses].map(f32ToF16);
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const bytes = new Uint8Array(length + checksumSize);
  let at = 0;
  for (const part of parts) {
    // Exponent 31: an infinity, which a finite row becomes past 65504, or a NaN.
    if (part.some((half) => (half & 0x7c00) === 0x7c00)) {
      throw new TrainingError(
        "feature-range",
        `Cannot store hidden states of width ${layout.hiddenSize} in binary16: one is past 65504 or not a number; train with features "recompute", or check the weights where that fails too`,
      );
    }
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  new DataView(bytes.buffer).setUint32(length, await checksum(bytes.subarray(0, length)), true);
  return bytes;
}

/** Stored rows, open for reading. */
export interface FeatureFile {
  /** @throws TrainingError where the stored bytes are damaged */
  read(index: number): Promise<ExampleRows>;
  close(): Promise<void>;
}

/** Opens a finished file; null where there is none of this layout. */
export async function openFeatureFile(path: string, layout: FeatureLayout): Promise<FeatureFile | null> {
  if ((await findPathKind(path)) !== "file") return null;
  const source = await openFile(path);
  if (source.size !== layout.offsets.at(-1) || !(await hasHeader(source, layout))) {
    await source.close();
    return null;
  }
  return {
    async read(index) {
      const body = await readExample(source, layout, index);
      if (body === null) {
        throw new TrainingError(
          "feature-file",
          `Cannot read hidden states of example ${index} from ${path}: the bytes from ${layout.offsets[index]} are damaged; delete the file and run again`,
        );
      }
      const rows = f16ToF32(new Uint16Array(body.buffer, body.byteOffset, body.length / 2));
      let at = 0;
      const take = (rowCount: number) => {
        at += rowCount * layout.hiddenSize;
        return rows.subarray(at - rowCount * layout.hiddenSize, at);
      };
      const { prompt, responses } = layout.examples[index]!;
      return { prompt: take(prompt.length), responses: responses.map((response) => take(response.length - 1)) };
    },
    close: () => source.close(),
  };
}

/** A file being written. */
export interface FeatureWriter {
  /** Examples that are already there. */
  readonly startCount: number;
  append(rows: readonly ExampleRows[]): Promise<void>;
  /** Flushes and gives the file its name. */
  finish(): Promise<void>;
  /** Closes what is there, to go on another time; harmless after `finish`. */
  close(): Promise<void>;
}

/**
 * Opens or begins the partial file of a layout.
 *
 * @param boundaries numbers of examples after which writing may go on, ascending from 0: those of whole groups
 * @throws TrainingError where the disk has no room for the rest
 * @throws FileError where the place is not writable
 */
export async function openFeatureWriter(
  path: string,
  layout: FeatureLayout,
  boundaries: readonly number[],
): Promise<FeatureWriter> {
  const { open, rename, statfs } = await import("node:fs/promises");
  const { dirname } = await import("node:path");
  const partial = `${path}.partial`;
  const startCount = await countUsable(partial, layout, boundaries);
  const startSize = layout.offsets[startCount]!;
  const disk = await statfs(dirname(path)).catch((error: unknown) => {
    throw toFileError(path, "write", error);
  });
  const [needed, free] = [layout.offsets.at(-1)! - startSize, disk.bavail * disk.bsize];
  if (needed > free) {
    throw new TrainingError(
      "disk-space",
      `Cannot store hidden states in ${path}: they need ${needed} bytes and the disk has ${free} free; free space, choose another folder, or train with features "recompute"`,
    );
  }
  const handle = await open(partial, startCount === 0 ? "w" : "r+").catch((error: unknown) => {
    throw toFileError(path, "write", error);
  });
  let size = startSize;
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await handle.close();
  };
  const writing = async <Out>(body: () => Promise<Out>): Promise<Out> => {
    try {
      return await body();
    } catch (error) {
      if (error instanceof TrainingError) throw error;
      throw toFileError(path, "write", error);
    }
  };
  await writing(async () => {
    if (startCount === 0) await handle.write(encodeHeader(layout), 0, headerSize, 0);
    await handle.truncate(startSize);
  });
  return {
    startCount,
    async append(rows) {
      for (const example of rows) {
        const bytes = await encodeExample(example, layout);
        await writing(async () => {
          for (let done = 0; done < bytes.length; ) {
            done += (await handle.write(bytes, done, bytes.length - done, size + done)).bytesWritten;
          }
        });
        size += bytes.length;
      }
    },
    async finish() {
      await writing(async () => {
        await handle.sync();
        await close();
        await rename(partial, path);
      });
    },
    close,
  };
}

/** Examples of a partial file that are whole and undamaged, down to the end of a group. */
async function countUsable(partial: string, layout: FeatureLayout, boundaries: readonly number[]): Promise<number> {
  if ((await findPathKind(partial)) !== "file") return 0;
  const source = await openFile(partial);
  try {
    if (!(await hasHeader(source, layout))) return 0;
    let count = 0;
    while (count < layout.examples.length && (await readExample(source, layout, count)) !== null) count++;
    return boundaries.findLast((boundary) => boundary <= count) ?? 0;
  } finally {
    await source.close();
  }
}

/** The bytes of an example without its checksum; null where they are cut off or damaged. */
async function readExample(
  source: ByteSource,
  layout: FeatureLayout,
  index: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const [start, end] = [layout.offsets[index]!, layout.offsets[index + 1]!];
  if (end > source.size) return null;
  const bytes = await source.read(start, end - start);
  const body = bytes.subarray(0, bytes.length - checksumSize);
  const stored = new DataView(bytes.buffer, bytes.byteOffset + body.length).getUint32(0, true);
  return (await checksum(body)) === stored ? body : null;
}
