// GGUF behind any byte source as a Checkpoint, whole or in the parts that gguf-split makes. Knows no architecture.
import type { ByteSource } from "@dual-head/bytes";
import type { Checkpoint } from "../checkpoint.ts";
import { createCheckpoint, type PlacedTensor } from "../create-checkpoint.ts";
import { CheckpointError } from "../errors.ts";
import { type GgufHeader, readGgufHeader } from "./header.ts";
import { ggufTypes } from "./types.ts";

/** Opens the file of a name in the same folder; null where there is none. */
export type OpenBeside = (name: string) => Promise<ByteSource | null>;

interface Part {
  readonly source: ByteSource;
  readonly header: GgufHeader;
}

/**
 * Opens GGUF of version 2 or 3 behind any byte source, which the checkpoint then owns and closes. Of a model in parts any
 * part may be given: the metadata are those of the first.
 *
 * @param openBeside how the other parts are opened; without it a part is refused
 * @throws GgufError where it is not well-formed; the source is then closed
 * @throws CheckpointError where parts are missing or do not belong together
 * @throws FileError where a source fails
 */
export async function openGguf(source: ByteSource, openBeside: OpenBeside | null = null): Promise<Checkpoint> {
  const opened = [source];
  try {
    const header = await readGgufHeader(source);
    const count = partCountOf(header);
    let parts: readonly Part[] = [{ source, header }];
    if (count !== 1) {
      const openPart = async (name: string): Promise<ByteSource | null> => {
        const part = (await openBeside?.(name)) ?? null;
        if (part !== null) opened.push(part);
        return part;
      };
      parts = await openParts(parts[0]!, count, openBeside === null ? null : openPart);
    }
    return createCheckpoint({
      path: source.name,
      format: "gguf",
      sources: parts.map((part) => part.source),
      fields: parts[0]!.header.metadata,
      tensors: placeAll(source.name, parts),
    });
  } catch (error) {
    for (const each of opened) await each.close();
    throw error;
  }
}

/** 1 for a whole file. */
function partCountOf({ metadata }: GgufHeader): unknown {
  return metadata.get("split.count") || 1;
}

function refuse(path: string, expected: string, actual: string, remedy: string): never {
  throw new CheckpointError(`Cannot open ${path}: ${actual}; ${remedy}`, path, { expected, actual });
}

/** All parts in their order; they are found by their names and told by their metadata. */
async function openParts(given: Part, count: unknown, openPart: OpenBeside | null): Promise<readonly Part[]> {
  const { name: path } = given.source;
  const join = "or join them into one file (llama-gguf-split --merge)";
  if (!(typeof count === "number" && Number.isInteger(count) && count > 1 && count <= 99_999)) {
    refuse(path, "2 to 99999 parts", `it says that it is one of ${String(count)} parts`, "fetch it again");
  }
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  const [, stem, place, total] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i.exec(name) ?? [];
  if (openPart === null) {
    refuse(path, "a whole file", `it is one of ${count} parts`, `open it by its path beside the others, ${join}`);
  }
  if (stem === undefined || Number(total) !== count) {
    const expected = `a name that ends in -0000i-of-${digits(count)}.gguf`;
    refuse(path, expected, `it is one of ${count} parts but has not ${expected}`, `give all parts such names, ${join}`);
  }
  const parts: Part[] = [];
  for (let index = 0; index < count; index++) {
    const file = `${stem}-${digits(index + 1)}-of-${digits(count)}${name.slice(name.lastIndexOf("."))}`;
    let part = given;
    if (index + 1 !== Number(place)) {
      const source = await openPart(file);
      if (source === null) return refuse(path, file, `its part ${file} is missing`, "fetch it");
      part = { source, header: await readGgufHeader(source) };
    }
    const { metadata } = part.header;
    const [number, own] = [metadata.get("split.no"), metadata.get("split.count")];
    if (number !== index || own !== count) {
      const actual = `${file} says that it is part ${describe(number)} of ${String(own)}`;
      refuse(path, `part ${index + 1} of ${count}`, actual, "fetch the parts of one model again");
    }
    parts.push(part);
  }
  return parts;
}

function digits(count: number): string {
  return `${count}`.padStart(5, "0");
}

/** Parts are numbered from 0 in files and from 1 in names. */
function describe(number: unknown): string {
  return typeof number === "number" ? `${number + 1}` : "without a number";
}

/** The tensors of all parts. */
function placeAll(path: string, parts: readonly Part[]): ReadonlyMap<string, PlacedTensor> {
  const tensors = new Map<string, PlacedTensor>();
  for (const { source, header } of parts) {
    for (const [name, entry] of header.tensors) {
      if (tensors.has(name)) {
        const actual = `tensor ${JSON.stringify(name)} lies in two of its parts`;
        refuse(path, "each tensor once", actual, "fetch the parts of one model again");
      }
      const { blockSize, blockBytes, decode } = ggufTypes[entry.dtype];
      tensors.set(name, { ...entry, source, ...(blockSize === 1 ? { decode: null } : { decode, blockBytes }) });
    }
  }
  const total = parts.length === 1 ? undefined : parts[0]!.header.metadata.get("split.tensors.count");
  if (total !== undefined && total !== tensors.size) {
    const actual = `its parts hold ${tensors.size} tensors and say ${String(total)}`;
    refuse(path, `${String(total)} tensors`, actual, "fetch the parts of one model again");
  }
  return tensors;
}
