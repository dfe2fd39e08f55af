// What a page claims, checked before it is decoded: the decoder trusts counts, and a damaged one costs it minutes or all
// memory. It does not decode values.
import type { DataReader, Encoding, ParquetType } from "hyparquet";
import { deltaBinaryUnpack } from "hyparquet/src/delta.js";
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";

// Writers pad the last bit-packed run to a multiple of 8 values; Impala's buffers 64 groups of 8.
const paddingLimit = 512;
// The decoder's shifts are exact to this width; a dictionary of 16 million entries is not text to train on.
const indexWidthLimit = 24;

interface Range {
  readonly start: number;
  readonly end: number;
}

function readVarint(bytes: Uint8Array, place: { offset: number }, end: number): number {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    if (place.offset >= end) throw new Error("a run begins past the end of its page");
    const byte = bytes[place.offset++]!;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return value;
  }
  throw new Error("a run's length has too many bytes");
}

/**
 * Checks that runs of equal and of bit-packed values, from `start` to `end`, are `count` values or these and padding.
 *
 * @throws Error where a run is longer than what is left or leaves the page
 */
function checkRuns(bytes: Uint8Array, start: number, end: number, width: number, count: number): void {
  if (end > bytes.length) throw new Error("runs reach past the end of their page");
  const place = { offset: start };
  for (let seen = 0; seen < count; ) {
    const header = readVarint(bytes, place, end);
    const left = count - seen;
    const length = header % 2 === 1 ? Math.floor(header / 2) * 8 : header / 2;
    const padding = header % 2 === 1 ? paddingLimit : 0;
    if (length > left + padding) throw new Error(`a run has ${length} values where ${left} are left`);
    // The last bytes of padding may be cut off.
    place.offset += Math.ceil((header % 2 === 1 ? Math.min(length, left) * width : width) / 8);
    if (place.offset > end) throw new Error("a run reaches past the end of its page");
    place.offset += Math.floor((header % 2 === 1 ? Math.max(length - left, 0) * width : 0) / 8);
    seen += length;
  }
}

/** Where runs that begin with their length in four bytes are. */
function sizedRuns(bytes: Uint8Array, start: number): Range {
  if (start + 4 > bytes.length) throw new Error("runs begin past the end of their page");
  const size = new DataView(bytes.buffer, bytes.byteOffset + start, 4).getUint32(0, true);
  return { start: start + 4, end: start + 4 + size };
}

/** Levels from 0 to `maxLevel`, checked. */
function readLevels(bytes: Uint8Array, { start, end }: Range, maxLevel: number, count: number): readonly number[] {
  const width = 32 - Math.clz32(maxLevel);
  checkRuns(bytes, start, end, width, count);
  const levels = new Array<number>(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  readRleBitPackedHybrid({ view, offset: start }, width, levels, end - start);
  const wrong = levels.find((level) => !(level <= maxLevel));
  if (wrong !== undefined) throw new Error(`a level is ${wrong} but at most ${maxLevel}`);
  return levels;
}

/** Checks the head of integers stored as differences: blocks of a multiple of 128 in parts of a multiple of 32. */
function checkDeltaHead(bytes: Uint8Array, offset: number): void {
  const place = { offset };
  const blockSize = readVarint(bytes, place, bytes.length);
  const partCount = readVarint(bytes, place, bytes.length);
  const partSize = blockSize / partCount;
  if (blockSize === 0 || blockSize > 2 ** 20 || blockSize % 128 !== 0 || partSize % 32 !== 0) {
    throw new Error(`differences in blocks of ${blockSize} values in ${partCount} parts are not Parquet's`);
  }
}

function readDeltas(reader: DataReader, bytes: Uint8Array, count: number): Int32Array {
  checkDeltaHead(bytes, reader.offset);
  const values = new Int32Array(count);
  deltaBinaryUnpack(reader, count, values);
  return values;
}

/** Checks that texts stored by their differences share no more with the one before than it has. */
function checkDeltaTexts(bytes: Uint8Array, start: number, count: number): void {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: start };
  const prefixes = readDeltas(reader, bytes, count);
  const suffixes = readDeltas(reader, bytes, count);
  let before = 0;
  for (let index = 0; index < count; index++) {
    const [prefix, suffix] = [prefixes[index]!, suffixes[index]!];
    if (prefix < 0 || prefix > before || suffix < 0 || suffix > bytes.length) {
      throw new Error(`text ${index + 1} of a page shares ${prefix} bytes of ${before}`);
    }
    before = prefix + suffix;
  }
}

/** A data page, decompressed, and what its header and its column's schema say of it. */
export interface DataPage {
  /** Levels and values; in version 2 levels are as long as the header says, in version 1 as they say themselves. */
  readonly bytes: Uint8Array;
  readonly levelSizes: { readonly repetition: number; readonly definition: number } | null;
  readonly encoding: Encoding;
  /** Values and nulls. */
  readonly count: number;
  readonly nullCount: number | null;
  readonly type: ParquetType;
  /** Bytes of a value of fixed length. */
  readonly typeLength: number | undefined;
  readonly maxRepetition: number;
  readonly maxDefinition: number;
  /** Whether a row must begin with its first value. */
  readonly beginsRow: boolean;
}

function checkValues({ bytes, type, encoding, typeLength }: DataPage, start: number, count: number): void {
  if (start > bytes.length) throw new Error("values begin past the end of their page");
  if (encoding === "PLAIN") return;
  if (encoding === "RLE" && type === "BOOLEAN") {
    const { start: first, end } = sizedRuns(bytes, start);
    checkRuns(bytes, first, end, 1, count);
  } else if ((encoding === "PLAIN_DICTIONARY" || encoding === "RLE_DICTIONARY") && type !== "BOOLEAN") {
    // A page of nulls alone may leave the width out.
    if (count === 0) return;
    const width = bytes[start];
    if (width === undefined || width > indexWidthLimit) throw new Error(`indices of ${width} bits are not read`);
    checkRuns(bytes, start + 1, bytes.length, width, count);
  } else if (encoding === "DELTA_BINARY_PACKED" && (type === "INT32" || type === "INT64")) {
    checkDeltaHead(bytes, start);
  } else if (encoding === "DELTA_LENGTH_BYTE_ARRAY" && type === "BYTE_ARRAY") {
    checkDeltaHead(bytes, start);
  } else if (encoding === "DELTA_BYTE_ARRAY" && (type === "BYTE_ARRAY" || type === "FIXED_LEN_BYTE_ARRAY")) {
    checkDeltaTexts(bytes, start, count);
  } else if (encoding === "BYTE_STREAM_SPLIT") {
    if ((typeLength ?? 1) * count > bytes.length) throw new Error("a page has fewer bytes than values");
  } else throw new Error(`the encoding ${encoding} of ${type} is not read, write the file with another`);
}

/**
 * Checks a data page.
 *
 * @throws Error where its levels or runs are not as many as it says, or lie outside it
 */
export function checkDataPage(page: DataPage): void {
  const { bytes, levelSizes, count, maxRepetition, maxDefinition } = page;
  let start = 0;
  let valueCount = count;
  if (maxRepetition > 0) {
    const range = levelSizes === null ? sizedRuns(bytes, 0) : { start: 0, end: levelSizes.repetition };
    const levels = readLevels(bytes, range, maxRepetition, count);
    if (page.beginsRow && count > 0 && levels[0] !== 0) throw new Error("a column begins in the middle of a row");
    start = range.end;
  } else if (levelSizes !== null) start = levelSizes.repetition;
  if (maxDefinition > 0) {
    const range = levelSizes === null ? sizedRuns(bytes, start) : { start, end: start + levelSizes.definition };
    const levels = readLevels(bytes, range, maxDefinition, count);
    for (const level of levels) if (level < maxDefinition) valueCount--;
    start = range.end;
  } else if (levelSizes !== null) start += levelSizes.definition;
  if (page.nullCount !== null && page.nullCount !== count - valueCount) {
    throw new Error(`a page has ${count - valueCount} nulls but says ${page.nullCount}`);
  }
  checkValues(page, start, valueCount);
}
