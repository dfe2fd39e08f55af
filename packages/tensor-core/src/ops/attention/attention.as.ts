// Attention of each query over its ranges of key rows: which queries share their keys; AssemblyScript. Softmax is online over
// blocks of 128 keys, counted from a query's first. A row, which is a query and a head, has the same sums in any company: of a
// score four lanes, (l0 + l2) + (l1 + l3), of an output key after key.
import { attendAlone } from "./forward/alone.as";
import { keyCountOf, ROWS } from "./forward/block.as";
import { attendTogether } from "./forward/together.as";

/** Fewer rows than this share nothing that pays. */
const LEAST_ROWS: i32 = 4;
/** The largest head whose panel of 16 keys fits into scratch memory. */
const MOST_HEAD: i32 = 384;

/**
 * Whether one of two queries sees the first of the other's keys, ranges compared one by one: where they cut the same keys
 * otherwise it may say no.
 */
function seeAlike(ranges: usize, a: i32, b: i32, rangeCount: usize): bool {
  const one = ranges + ((<usize>a * rangeCount) << 3), other = ranges + ((<usize>b * rangeCount) << 3);
  const bytes = rangeCount << 3;
  let i: usize = 0, j: usize = 0;
  while (true) {
    while (i < bytes && i32.load(one + i) >= i32.load(one + i, 4)) i += 8;
    while (j < bytes && i32.load(other + j) >= i32.load(other + j, 4)) j += 8;
    if (i == bytes || j == bytes) return true;
    if (i32.load(one + i) != i32.load(other + j)) return false;
    const end = i32.load(one + i, 4), otherEnd = i32.load(other + j, 4);
    i += 8;
    j += 8;
    if (end == otherEnd) continue;
    // The shorter must end with this range.
    const rest = end < otherEnd ? one : other;
    for (let each = end < otherEnd ? i : j; each < bytes; each += 8) {
      if (i32.load(rest + each) < i32.load(rest + each, 4)) return false;
    }
    return true;
  }
}

/**
 * Units: groups of a block of `blockQueries` queries, blocks outermost. What shares keys is found anew in every block, and
 * changes no bit.
 */
export function attentionRows(
  q: usize, k: usize, v: usize, ranges: usize, out: usize, logNormaliser: usize, queryCount: i32, blockQueries: i32, rangeCount: usize,
  headCount: i32, groupCount: i32, headSize: i32, valueSize: i32, scale: f32, begin: i32, end: i32,
): void {
  const share = headCount / groupCount;
  let unit = begin;
  while (unit < end) {
    const first = unit / groupCount * blockQueries;
    const firstGroup = unit % groupCount;
    const lastGroup = min(groupCount, firstGroup + end - unit);
    const behind = min(first + blockQueries, queryCount);
    let query = first;
    while (query < behind) {
      let longest = query;
      let most = keyCountOf(ranges, query, rangeCount);
      let next = query + 1;
      for (; next < behind && seeAlike(ranges, longest, next, rangeCount); next++) {
        const own = keyCountOf(ranges, next, rangeCount);
        if (own <= most) continue;
        longest = next;
        most = own;
      }
      if ((next - query) * share < LEAST_ROWS || headSize > MOST_HEAD) {
        const lastHead = lastGroup * share;
        for (; query < next; query++) {
          for (let head = firstGroup * share; head < lastHead; head += ROWS) {
            attendAlone(
              q, k, v, ranges, out, logNormaliser, rangeCount, headCount, groupCount, headSize, valueSize, scale, query, head,
              min(ROWS, lastHead - head),
            );
          }
        }
        continue;
      }
      for (let head = firstGroup * share; head < lastGroup * share; ) {
        const heads = min(ROWS, share - head % share);
        attendTogether(
          q, k, v, ranges, out, logNormaliser, rangeCount, headCount, groupCount, headSize, valueSize, scale, query, next - query, longest,
          head, heads,
        );
        head += heads;
      }
      query = next;
    }
    unit += lastGroup - firstGroup;
  }
}
