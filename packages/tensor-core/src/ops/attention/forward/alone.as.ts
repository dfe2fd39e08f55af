// Attention of one query, whose keys and values are read row by row, as memory brings them fastest; AssemblyScript.
import { fma, loadPartial, storePartial, threadScratch } from "../../../backends/cpu/prelude.as";
import { beginKeys, finish, KEYS, nextKeys, SCORE_BYTES, SCORES, weigh, zeroRow } from "./block.as";

/** Scores of four keys, `apart` bytes from each other at `to`, with `heads` heads from `head` on, a row of scores each. */
function scoreKeys(
  q: usize, k0: usize, k1: usize, k2: usize, k3: usize, head: i32, heads: i32, share: i32, size: i32, scale: f32, to: usize, apart: usize,
): void {
  const scales = f32x4.splat(scale);
  for (let each = head; each < head + heads; each++) {
    const away = <usize>((each / share - head / share) * size) << 2;
    let a = k0 + away, b = k1 + away, c = k2 + away, d = k3 + away;
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    let k = 0;
    for (; k <= size - 16; k += 16) {
      let value = v128.load(q);
      s0 = fma(value, v128.load(a), s0);
      s1 = fma(value, v128.load(b), s1);
      s2 = fma(value, v128.load(c), s2);
      s3 = fma(value, v128.load(d), s3);
      value = v128.load(q, 16);
      s0 = fma(value, v128.load(a, 16), s0);
      s1 = fma(value, v128.load(b, 16), s1);
      s2 = fma(value, v128.load(c, 16), s2);
      s3 = fma(value, v128.load(d, 16), s3);
      value = v128.load(q, 32);
      s0 = fma(value, v128.load(a, 32), s0);
      s1 = fma(value, v128.load(b, 32), s1);
      s2 = fma(value, v128.load(c, 32), s2);
      s3 = fma(value, v128.load(d, 32), s3);
      value = v128.load(q, 48);
      s0 = fma(value, v128.load(a, 48), s0);
      s1 = fma(value, v128.load(b, 48), s1);
      s2 = fma(value, v128.load(c, 48), s2);
      s3 = fma(value, v128.load(d, 48), s3);
      q += 64;
      a += 64;
      b += 64;
      c += 64;
      d += 64;
    }
    for (; k <= size - 4; k += 4) {
      const value = v128.load(q);
      s0 = fma(value, v128.load(a), s0);
      s1 = fma(value, v128.load(b), s1);
      s2 = fma(value, v128.load(c), s2);
      s3 = fma(value, v128.load(d), s3);
      q += 16;
      a += 16;
      b += 16;
      c += 16;
      d += 16;
    }
    if (k < size) {
      const rest = size - k;
      const value = loadPartial(q, rest);
      s0 = fma(value, loadPartial(a, rest), s0);
      s1 = fma(value, loadPartial(b, rest), s1);
      s2 = fma(value, loadPartial(c, rest), s2);
      s3 = fma(value, loadPartial(d, rest), s3);
      q += <usize>rest << 2;
    }
    const low = f32x4.add(v128.shuffle<f32>(s0, s1, 0, 1, 4, 5), v128.shuffle<f32>(s0, s1, 2, 3, 6, 7));
    const high = f32x4.add(v128.shuffle<f32>(s2, s3, 0, 1, 4, 5), v128.shuffle<f32>(s2, s3, 2, 3, 6, 7));
    const sums = f32x4.add(v128.shuffle<f32>(low, high, 0, 2, 4, 6), v128.shuffle<f32>(low, high, 1, 3, 5, 7));
    const scaled = f32x4.mul(sums, scales);
    v128.store_lane<u32>(to, scaled, 0);
    v128.store_lane<u32>(to + apart, scaled, 1);
    v128.store_lane<u32>(to + 2 * apart, scaled, 2);
    v128.store_lane<u32>(to + 3 * apart, scaled, 3);
    to += SCORE_BYTES;
  }
}

/** y += the values of a key by its weights, for `heads` heads from `head` on. */
function addValue(y: usize, weights: usize, value: usize, head: i32, heads: i32, share: i32, size: i32): void {
  for (let each = head; each < head + heads; each++) {
    let from = value + (<usize>((each / share - head / share) * size) << 2);
    const weight = v128.load32_splat(weights);
    let k = 0;
    for (; k <= size - 16; k += 16) {
      const a = fma(weight, v128.load(from), v128.load(y)), b = fma(weight, v128.load(from, 16), v128.load(y, 16));
      const c = fma(weight, v128.load(from, 32), v128.load(y, 32)), d = fma(weight, v128.load(from, 48), v128.load(y, 48));
      v128.store(y, a);
      v128.store(y, b, 16);
      v128.store(y, c, 32);
      v128.store(y, d, 48);
      from += 64;
      y += 64;
    }
    for (; k < size; k += 4) {
      const rest = size - k;
      if (rest >= 4) v128.store(y, fma(weight, v128.load(from), v128.load(y)));
      else storePartial(y, fma(weight, loadPartial(from, rest), loadPartial(y, rest)), rest);
      from += 16;
      y += <usize>min(rest, 4) << 2;
    }
    weights += SCORE_BYTES;
  }
}

/** The same of all keys of the block where a head's values are less than a line of cache: sums stay in registers. */
function addNarrowValues(
  y: usize, scratch: usize, count: i32, values: usize, stride: usize, head: i32, heads: i32, share: i32, size: i32,
): void {
  const last = scratch + KEYS + (<usize>count << 2);
  for (let each = 0; each < heads; each++) {
    const from = values + (<usize>(((head + each) / share - head / share) * size) << 2);
    for (let k = 0; k < size; k += 4) {
      const rest = size - k;
      const column = from + (<usize>k << 2);
      let weight = scratch + SCORES + <usize>each * SCORE_BYTES;
      let sum = rest >= 4 ? v128.load(y) : loadPartial(y, rest);
      for (let key = scratch + KEYS; key < last; key += 4) {
        const value = column + <usize>i32.load(key) * stride;
        sum = fma(v128.load32_splat(weight), rest >= 4 ? v128.load(value) : loadPartial(value, rest), sum);
        weight += 4;
      }
      if (rest >= 4) v128.store(y, sum);
      else storePartial(y, sum, rest);
      y += <usize>min(rest, 4) << 2;
    }
  }
}

/** `heads` ≤ ROWS neighbouring heads of one query, which read rows of keys and values in order. */
export function attendAlone(
  q: usize, k: usize, v: usize, ranges: usize, out: usize, logNormaliser: usize, rangeCount: usize, headCount: i32, groupCount: i32,
  headSize: i32, valueSize: i32, scale: f32, query: i32, head: i32, heads: i32,
): void {
  const scratch = threadScratch();
  const share = headCount / groupCount;
  const keyStride = <usize>(groupCount * headSize) << 2, valueStride = <usize>(groupCount * valueSize) << 2;
  const keys = k + (<usize>(head / share * headSize) << 2), values = v + (<usize>(head / share * valueSize) << 2);
  const place = <usize>query * headCount + head;
  const qRow = q + ((place * headSize) << 2);
  const y = out + ((place * valueSize) << 2);
  zeroRow(y, heads * valueSize);
  const range = ranges + ((<usize>query * rangeCount) << 3);
  const last = range + ((rangeCount - 1) << 3);
  beginKeys(scratch, range);
  let isFirst = true;
  while (true) {
    const count = nextKeys(scratch, last);
    if (count == 0) break;
    // Four keys a quarter of the block apart: memory brings streams that are far from each other faster than neighbouring rows.
    const quarter = (count + 3) >> 2, lastKey = count - 1, index = scratch + KEYS;
    for (let s = 0; s < quarter; s++) {
      // Behind the last key it stands once more: its scores there are never read.
      const row0 = <usize>i32.load(index + (<usize>s << 2)), row1 = <usize>i32.load(index + (<usize>min(s + quarter, lastKey) << 2));
      const row2 = <usize>i32.load(index + (<usize>min(s + 2 * quarter, lastKey) << 2));
      const row3 = <usize>i32.load(index + (<usize>min(s + 3 * quarter, lastKey) << 2));
      scoreKeys(
        qRow, keys + row0 * keyStride, keys + row1 * keyStride, keys + row2 * keyStride, keys + row3 * keyStride, head, heads, share, headSize,
        scale, scratch + SCORES + (<usize>s << 2), <usize>quarter << 2,
      );
    }
    for (let each = 0; each < heads; each++) weigh(scratch, each, count, isFirst, y + (<usize>(each * valueSize) << 2), valueSize);
    isFirst = false;
    if (valueSize < 16) {
      addNarrowValues(y, scratch, count, values, valueStride, head, heads, share, valueSize);
      continue;
    }
    for (let s = 0; s < count; s++) {
      const row = <usize>i32.load(index + (<usize>s << 2));
      addValue(y, scratch + SCORES + (<usize>s << 2), values + row * valueStride, head, heads, share, valueSize);
    }
  }
  for (let each = 0; each < heads; each++) {
    finish(scratch, each, y + (<usize>(each * valueSize) << 2), valueSize, logNormaliser + ((place + each) << 2));
  }
}
