// Gradients of attention; AssemblyScript. Scores live in blocks in the thread's scratch memory.
import { addScaled, dot, exponentiate, fma, loadPartial, storePartial, threadScratch } from "../../backends/cpu/prelude.as";

// Keys a block: their scores and the vectors they weigh stay in the first-level cache.
const KEY_BLOCK: i32 = 128;

/** y (+)= Σ_s weights[s]·rows[s] over `count` rows of `width` elements, `stride` bytes apart. */
@inline
function addWeightedRows(y: usize, weights: usize, rows: usize, stride: usize, count: i32, width: i32): void {
  let column = 0;
  for (; column <= width - 16; column += 16) {
    const to = y + (<usize>column << 2);
    let from = rows + (<usize>column << 2);
    let sum0 = v128.load(to);
    let sum1 = v128.load(to, 16);
    let sum2 = v128.load(to, 32);
    let sum3 = v128.load(to, 48);
    for (let s = 0; s < count; s++) {
      const weight = v128.load32_splat(weights + (<usize>s << 2));
      sum0 = fma(weight, v128.load(from), sum0);
      sum1 = fma(weight, v128.load(from, 16), sum1);
      sum2 = fma(weight, v128.load(from, 32), sum2);
      sum3 = fma(weight, v128.load(from, 48), sum3);
      from += stride;
    }
    v128.store(to, sum0);
    v128.store(to, sum1, 16);
    v128.store(to, sum2, 32);
    v128.store(to, sum3, 48);
  }
  for (; column < width; column += 4) {
    const to = y + (<usize>column << 2);
    let from = rows + (<usize>column << 2);
    const rest = width - column;
    let sum = rest >= 4 ? v128.load(to) : loadPartial(to, rest);
    for (let s = 0; s < count; s++) {
      sum = fma(v128.load32_splat(weights + (<usize>s << 2)), rest >= 4 ? v128.load(from) : loadPartial(from, rest), sum);
      from += stride;
    }
    if (rest >= 4) v128.store(to, sum);
    else storePartial(to, sum, rest);
  }
}

/** dq, and δ = g·out of each query and head for the keys' gradients. Units: pairs of query and head. */
export function attentionGradQueries(
  q: usize, k: usize, v: usize, ranges: usize, out: usize, logNormaliser: usize, g: usize, dq: usize, deltas: usize, rangeCount: usize,
  headCount: usize, groupCount: usize, headSize: i32, valueSize: i32, scale: f32, begin: usize, end: usize,
): void {
  const share = headCount / groupCount;
  const keyStride = (groupCount * headSize) << 2;
  const valueStride = (groupCount * valueSize) << 2;
  const scores = threadScratch();
  for (let unit = begin; unit < end; unit++) {
    const query = unit / headCount;
    const group = (unit % headCount) / share;
    const qRow = q + ((unit * headSize) << 2);
    const gRow = g + ((unit * valueSize) << 2);
    const delta = dot(gRow, out + ((unit * valueSize) << 2), valueSize);
    f32.store(deltas + (unit << 2), delta);
    const y = dq + ((unit * headSize) << 2);
    memory.fill(y, 0, <usize>headSize << 2);
    const normaliser = f32.load(logNormaliser + (unit << 2));
    for (let each = query * rangeCount; each < (query + 1) * rangeCount; each++) {
      const first = i32.load(ranges + (each << 3));
      const last = i32.load(ranges + (each << 3), 4);
      for (let block = first; block < last; block += KEY_BLOCK) {
        const count = min(KEY_BLOCK, last - block);
        const keys = k + <usize>block * keyStride + ((group * headSize) << 2);
        let key = keys;
        for (let s = 0; s < count; s++) {
          f32.store(scores + (<usize>s << 2), dot(qRow, key, headSize) * scale);
          key += keyStride;
        }
        exponentiate(scores, count, normaliser);
        let value = v + <usize>block * valueStride + ((group * valueSize) << 2);
        for (let s = 0; s < count; s++) {
          const at = scores + (<usize>s << 2);
          f32.store(at, f32.load(at) * (dot(gRow, value, valueSize) - delta) * scale);
          value += valueStride;
        }
        addWeightedRows(y, scores, keys, keyStride, count, headSize);
      }
    }
  }
}

/** dk and dv of blocks of 16 key rows, queries in order. Units: pairs of block and group. */
export function attentionGradKeys(
  q: usize, k: usize, v: usize, ranges: usize, logNormaliser: usize, g: usize, deltas: usize, dk: usize, dv: usize, queryCount: i32, keyCount: i32,
  rangeCount: usize, headCount: usize, groupCount: usize, headSize: i32, valueSize: i32, scale: f32, begin: usize, end: usize,
): void {
  const share = headCount / groupCount;
  const keyStride = (groupCount * headSize) << 2;
  const valueStride = (groupCount * valueSize) << 2;
  const scores = threadScratch();
  for (let unit = begin; unit < end; unit++) {
    const group = unit % groupCount;
    const firstKey = <i32>(unit / groupCount) * 16;
    const lastKey = min(firstKey + 16, keyCount);
    const keyAt = (group * headSize) << 2;
    const valueAt = (group * valueSize) << 2;
    for (let s = firstKey; s < lastKey; s++) {
      memory.fill(dk + <usize>s * keyStride + keyAt, 0, <usize>headSize << 2);
      memory.fill(dv + <usize>s * valueStride + valueAt, 0, <usize>valueSize << 2);
    }
    for (let query = 0; query < queryCount; query++) {
      for (let each: usize = 0; each < rangeCount; each++) {
        const range = ranges + ((<usize>query * rangeCount + each) << 3);
        const first = max(firstKey, i32.load(range));
        const last = min(lastKey, i32.load(range, 4));
        if (first >= last) continue;
        for (let head = group * share; head < (group + 1) * share; head++) {
          const at = <usize>query * headCount + head;
          const qRow = q + ((at * headSize) << 2);
          const gRow = g + ((at * valueSize) << 2);
          for (let s = first; s < last; s++) {
            f32.store(scores + (<usize>(s - first) << 2), dot(qRow, k + <usize>s * keyStride + keyAt, headSize) * scale);
          }
          exponentiate(scores, last - first, f32.load(logNormaliser + (at << 2)));
          const delta = f32.load(deltas + (at << 2));
          for (let s = first; s < last; s++) {
            const weight = f32.load(scores + (<usize>(s - first) << 2));
            const valueRow = <usize>s * valueStride + valueAt;
            const pull = dot(gRow, v + valueRow, valueSize) - delta;
            addScaled(dv + valueRow, gRow, weight, valueSize);
            addScaled(dk + <usize>s * keyStride + keyAt, qRow, weight * pull * scale, headSize);
          }
        }
      }
    }
  }
}
