// The largest elements of rows, kept in order as the row passes by, and the sum that normalises it; AssemblyScript.
import { rowMax, sexp, vexp } from "../../backends/cpu/prelude.as";

/** Puts (value, id) in its place among `held` falling values; the last of `count` falls out. Returns how many are held. */
function insert(values: usize, ids: usize, held: i32, count: i32, value: f32, id: i32): i32 {
  let at = held < count ? held : count - 1;
  while (at > 0 && f32.load(values + (<usize>(at - 1) << 2)) < value) {
    f32.store(values + (<usize>at << 2), f32.load(values + (<usize>(at - 1) << 2)));
    i32.store(ids + (<usize>at << 2), i32.load(ids + (<usize>(at - 1) << 2)));
    at--;
  }
  f32.store(values + (<usize>at << 2), value);
  i32.store(ids + (<usize>at << 2), id);
  return min(held + 1, count);
}

/** Units: rows. Sums run in float64, in two chains of two lanes. */
export function topKRows(z: usize, width: i32, count: i32, values: usize, ids: usize, totals: usize, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const first = z + ((<usize>row * width) << 2);
    const rowValues = values + ((<usize>row * count) << 2);
    const rowIds = ids + ((<usize>row * count) << 2);
    for (let rank = 0; rank < count; rank++) {
      f32.store(rowValues + (<usize>rank << 2), -Infinity);
      i32.store(rowIds + (<usize>rank << 2), 0);
    }
    const lowest = rowValues + (<usize>(count - 1) << 2);
    let held = 0;
    let k = 0;
    let from = first;
    for (; k <= width - 4; k += 4) {
      // Most vectors hold nothing above the least value kept.
      if (v128.any_true(f32x4.gt(v128.load(from), v128.load32_splat(lowest)))) {
        for (let lane = 0; lane < 4; lane++) {
          const value = f32.load(from + (<usize>lane << 2));
          if (value > f32.load(lowest)) held = insert(rowValues, rowIds, held, count, value, k + lane);
        }
      }
      from += 16;
    }
    for (; k < width; k++) {
      const value = f32.load(from);
      if (value > f32.load(lowest)) held = insert(rowValues, rowIds, held, count, value, k);
      from += 4;
    }
    const highest = rowMax(first, width);
    const shift = f32x4.splat(highest);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    from = first;
    for (k = 0; k <= width - 4; k += 4) {
      const e = vexp(f32x4.sub(v128.load(from), shift));
      low = f64x2.add(low, f64x2.promote_low_f32x4(e));
      high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<f32>(e, e, 2, 3, 0, 1)));
      from += 16;
    }
    const sum = f64x2.add(low, high);
    let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
    for (; k < width; k++) {
      total += <f64>sexp(f32.load(from) - highest);
      from += 4;
    }
    f32.store(totals + (<usize>row << 2), <f32>total);
  }
}
