// The values of one column of one row group, page after page, in the decoder's hands only when checked.
// It does not know files or the columns beside it.
import { decodeText } from "@dual-head/bytes";
import type { ColumnMetaData, DecodedArray, Encoding, PageHeader, SchemaTree } from "hyparquet";
import { assembleLists } from "hyparquet/src/assemble.js";
import { parquetHeader } from "hyparquet/src/column.js";
import { convert, convertWithDictionary, DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import { readDataPage, readDataPageV2 } from "hyparquet/src/datapage.js";
import { readPlain } from "hyparquet/src/plain.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from "hyparquet/src/schema.js";
import { checkDataPage } from "./check-page.ts";
import { crc32 } from "./crc32.ts";
import { decompress } from "./decompress.ts";

type ColumnDecoder = Parameters<typeof convert>[1];
type Parsers = typeof DEFAULT_PARSERS;

/** How values become text: UTF-8 that is none is refused, where the decoder's own would replace what it cannot read. */
export const strictParsers: Parsers = {
  ...DEFAULT_PARSERS,
  stringFromBytes: (bytes) => decodeText(bytes, "a text"),
  jsonFromBytes: (bytes) => JSON.parse(decodeText(bytes, "a JSON text")),
};

interface Page {
  readonly header: PageHeader;
  /** As stored, in memory of its own: the decoder must not find the next page behind it. */
  readonly stored: Uint8Array;
}

/** The next page, its sizes and its checksum checked. */
function readPage(chunk: Uint8Array, place: { offset: number }, uncompressedLimit: number): Page {
  const reader = { view: new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength), offset: place.offset };
  const header = parquetHeader(reader);
  const { compressed_page_size: size, uncompressed_page_size: sizeAfter, crc } = header;
  if (!Number.isInteger(size) || !Number.isInteger(sizeAfter)) throw new Error("the header of a page is damaged");
  const end = reader.offset + size;
  if (size < 0 || end > chunk.length) throw new Error(`a page of ${size} bytes does not lie inside its column`);
  if (sizeAfter < 0 || sizeAfter > uncompressedLimit) {
    throw new Error(`a page of ${sizeAfter} bytes, decompressed, is more than its column's ${uncompressedLimit}`);
  }
  const stored = chunk.slice(reader.offset, end);
  if (crc !== undefined && crc32(stored) !== crc) throw new Error("the checksum of a page is wrong");
  place.offset = end;
  return { header, stored };
}

async function readDictionary({ header, stored }: Page, decoder: ColumnDecoder): Promise<DecodedArray> {
  const count = header.dictionary_page_header?.num_values ?? -1;
  const size = header.uncompressed_page_size;
  if (count < 0 || count > 8 * size) throw new Error(`a dictionary of ${count} values has ${size} bytes`);
  const bytes = size === 0 ? new Uint8Array() : await decompress(stored, size, decoder.codec);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return convert(readPlain({ view, offset: 0 }, decoder.type, count, decoder.element.type_length), decoder);
}

/** A page of version 2 with its values decompressed: levels are stored plain before them. */
async function inflateV2(
  { header, stored }: Page,
  levelSize: number,
  isCompressed: boolean,
  decoder: ColumnDecoder,
): Promise<Uint8Array> {
  const size = header.uncompressed_page_size - levelSize;
  if (!(levelSize >= 0) || levelSize > stored.length || size < 0) throw new Error("levels are longer than their page");
  if (!isCompressed || size === 0) return stored;
  const values = await decompress(stored.slice(levelSize), size, decoder.codec);
  const bytes = new Uint8Array(levelSize + size);
  bytes.set(stored.subarray(0, levelSize));
  bytes.set(values, levelSize);
  return bytes;
}

function isDictionaryEncoding(encoding: Encoding): boolean {
  return encoding === "PLAIN_DICTIONARY" || encoding === "RLE_DICTIONARY";
}

/** Values found in the dictionary, or converted where they stand for themselves. */
function resolve(values: DecodedArray, dictionary: DecodedArray | null, encoding: Encoding, decoder: ColumnDecoder) {
  if (!isDictionaryEncoding(encoding)) return convert(values, decoder);
  if (dictionary === null) {
    if (values.length > 0) throw new Error("a page refers to a dictionary but there is none before it");
    return values;
  }
  for (const index of values) {
    if (!(index < dictionary.length))
      throw new Error(`a value is entry ${index} of a dictionary of ${dictionary.length}`);
  }
  return convertWithDictionary(values, dictionary, encoding, decoder);
}

/**
 * Reads a column chunk.
 *
 * @param chunk its bytes, dictionary first
 * @param meta what the footer says of it
 * @param schemaPath the schema from the root to the column
 * @returns a value a row; lists where the column repeats, null where there is none
 * @throws Error where it is damaged or uses what is not read
 */
export async function readColumn(
  chunk: Uint8Array,
  meta: ColumnMetaData,
  schemaPath: SchemaTree[],
): Promise<readonly unknown[]> {
  const { type, codec } = meta;
  const element = schemaPath.at(-1)!.element;
  const decoder = {
    pathInSchema: meta.path_in_schema,
    type,
    element,
    schemaPath,
    codec,
    parsers: strictParsers,
    utf8: false,
  };
  const maxRepetition = getMaxRepetitionLevel(schemaPath);
  const maxDefinition = getMaxDefinitionLevel(schemaPath);
  const expectedCount = Number(meta.num_values);
  const uncompressedLimit = Number(meta.total_uncompressed_size);
  const rows: unknown[] = [];
  const place = { offset: 0 };
  let dictionary: DecodedArray | null = null;
  let count = 0;
  while (count < expectedCount) {
    if (place.offset >= chunk.length) throw new Error(`it has ${count} values but its footer says ${expectedCount}`);
    const page = readPage(chunk, place, uncompressedLimit);
    const { type: kind, uncompressed_page_size: size, data_page_header: v1, data_page_header_v2: v2 } = page.header;
    if (kind === "DICTIONARY_PAGE") {
      dictionary = await readDictionary(page, decoder);
      continue;
    }
    if (kind === "INDEX_PAGE") continue;
    const data = kind === "DATA_PAGE" ? v1 : kind === "DATA_PAGE_V2" ? v2 : undefined;
    if (data === undefined) throw new Error(`a page of the kind ${kind} is not read`);
    if (!(data.num_values >= 0) || data.num_values > expectedCount - count) {
      throw new Error(`a page has ${data.num_values} values where ${expectedCount - count} are left`);
    }
    const levelSizes =
      kind === "DATA_PAGE" || v2 === undefined
        ? null
        : { repetition: v2.repetition_levels_byte_length, definition: v2.definition_levels_byte_length };
    const levelSize = levelSizes === null ? 0 : levelSizes.repetition + levelSizes.definition;
    const isCompressed = v2?.is_compressed !== false;
    const bytes =
      levelSizes !== null
        ? await inflateV2(page, levelSize, isCompressed, decoder)
        : size === 0
          ? new Uint8Array()
          : await decompress(page.stored, size, codec);
    checkDataPage({
      bytes,
      levelSizes,
      encoding: data.encoding,
      count: data.num_values,
      nullCount: levelSizes === null ? null : v2!.num_nulls,
      type,
      typeLength: element.type_length,
      maxRepetition,
      maxDefinition,
      beginsRow: count === 0,
    });
    const { definitionLevels, repetitionLevels, dataPage } =
      levelSizes === null
        ? readDataPage(bytes, v1!, decoder)
        : readDataPageV2(bytes, { ...page.header, data_page_header_v2: { ...v2!, is_compressed: false } }, decoder);
    const values = resolve(dataPage, dictionary, data.encoding, decoder);
    const assembled = assembleLists(rows, definitionLevels, repetitionLevels, values, schemaPath);
    // A column that has no levels comes back as it is.
    if (assembled !== rows) for (const value of assembled) rows.push(value);
    count += data.num_values;
  }
  return rows;
}
