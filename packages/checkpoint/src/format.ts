// Which format a path's weights have, by what the bytes say and only then by the name.
// It does not open them: a damaged file is recognised as what it was meant to be, so that its reader names the damage.
import { FileError, findPathKind, listDirectory, openFile } from "@dual-head/bytes";
import { CheckpointError, Llama2cError } from "./errors.ts";
import { ggufMagic } from "./gguf/header.ts";
import { llama2cHeaderSize, llama2cMagic, parseLlama2cHeader } from "./llama2c/header.ts";

/**
 * What lies at a path: a Hugging Face folder, one safetensors file, an index of several, a GGUF file, or a model file of
 * llama2.c.
 */
export type ModelFormat = "folder" | "safetensors" | "safetensors-index" | "gguf" | "llama2c";

/** The names that weights have in a Hugging Face folder. */
export const singleName = "model.safetensors";
export const indexName = "model.safetensors.index.json";
/** Bytes from a file's start that its format is told by. */
export const formatHeadSize: number = llama2cHeaderSize;

/**
 * Says in which format the weights at a path are; reads at most 256 bytes.
 *
 * @throws CheckpointError where it is none that can be read
 * @throws FileError where there is nothing, or it cannot be read
 */
export async function findModelFormat(path: string): Promise<ModelFormat> {
  const kind = await findPathKind(path);
  if (kind === "missing") throw new FileError(path, "open", "there is no such file or folder, check the path");
  if (kind === "directory") {
    await findFolderWeights(path);
    return "folder";
  }
  const source = await openFile(path);
  try {
    return recogniseFormat(await source.read(0, Math.min(formatHeadSize, source.size)), source.size, path);
  } finally {
    await source.close();
  }
}

/** The name of the weights, or of their index, in a Hugging Face folder. */
export async function findFolderWeights(path: string): Promise<string> {
  const names = await listDirectory(path);
  const found = [singleName, indexName].find((name) => names.includes(name));
  if (found !== undefined) return found;
  const others = names.filter((name) => /\.(safetensors|bin|gguf|pt|pth)$/.test(name));
  const expected = `${singleName} or ${indexName}`;
  const actual = others.length === 0 ? "no weight file" : others.slice(0, 5).join(", ");
  const message = `Cannot open checkpoint ${path}: it needs ${expected} but has ${actual}, name a weight file or convert the weights`;
  throw new CheckpointError(message, path, { expected, actual });
}

/**
 * The format of a file.
 *
 * @param head its first 256 bytes, or all where it is shorter
 * @param size its length in bytes
 * @param name its path or label
 * @throws CheckpointError where it is none that can be read
 */
export function recogniseFormat(
  head: Uint8Array<ArrayBuffer>,
  size: number,
  name: string,
): Exclude<ModelFormat, "folder"> {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = head.length >= 4 ? view.getUint32(0, true) : 0;
  if (magic === ggufMagic) return "gguf";
  if (magic === llama2cMagic) return "llama2c";
  if (head.length > 8 && head[8] === openBrace && view.getBigUint64(0, true) <= BigInt(size - 8)) return "safetensors";
  if (/\.safetensors$/i.test(name)) return "safetensors";
  if (/\.gguf$/i.test(name)) return "gguf";
  if (head.find((byte) => byte > space) === openBrace) return "safetensors-index";
  if (isLegacyLlama2c(head, size)) return "llama2c";
  const pickled = magic === zipMagic || (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5);
  const actual = pickled ? "a PyTorch file, which may run code" : "none of these";
  const expected = "safetensors, GGUF or a model of llama2.c";
  const message = `Cannot open checkpoint ${name}: it must be ${expected} but is ${actual}, convert it`;
  throw new CheckpointError(message, name, { expected, actual });
}

const openBrace = 0x7b;
const space = 0x20;
/** "PK", 3, 4. */
const zipMagic = 0x04034b50;

/** A legacy file has no magic number: its seven integers must make sense, even where its length does not fit them. */
function isLegacyLlama2c(head: Uint8Array<ArrayBuffer>, size: number): boolean {
  try {
    parseLlama2cHeader(head, size, "");
    return true;
  } catch (error) {
    if (!(error instanceof Llama2cError)) throw error;
    return error.rule === "size" && head.length >= 28;
  }
}
