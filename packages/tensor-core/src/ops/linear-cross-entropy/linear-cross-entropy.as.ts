// Softmax statistics and gradients of logits one chunk of the vocabulary at a time; AssemblyScript.
import { rowExpSum, rowMax, sexp, sexpOfNegative, slog, vexpOfNegative } from "../../backends/cpu/prelude.as";

/**
 * Folds a chunk of logits [rows, width], `stride` elements from row to row, into the running maximum, sum of exponentials
 * and target logit of each row, three numbers a row. Units: rows.
 */
export function foldLogits(
  logits: usize, stride: usize, width: i32, targets: usize, firstToken: u32, statistics: usize, isFirst: bool, begin: usize, end: usize,
): void {
  for (let row = begin; row < end; row++) {
    const line = logits + ((row * stride) << 2);
    const state = statistics + row * 12;
    const highest = rowMax(line, width);
    if (isFirst) {
      f32.store(state, highest);
      f32.store(state, rowExpSum(line, width, highest), 4);
    } else {
      const before = f32.load(state);
      const now = max<f32>(before, highest);
      f32.store(state, now);
      f32.store(state, f32.load(state, 4) * sexp(before - now) + rowExpSum(line, width, now), 4);
    }
    const target = load<u32>(targets + (row << 2)) - firstToken;
    if (target < <u32>width) f32.store(state, f32.load(line + (<usize>target << 2)), 8);
  }
}

/** nats = (highest − target logit) + ln sum, logNormaliser = highest + ln sum. Units: rows. */
export function finishLogits(statistics: usize, nats: usize, logNormaliser: usize, begin: usize, end: usize): void {
  for (let row = begin; row < end; row++) {
    const state = statistics + row * 12;
    const highest = f32.load(state);
    const spread = slog(f32.load(state, 4));
    f32.store(nats + (row << 2), highest - f32.load(state, 8) + spread);
    f32.store(logNormaliser + (row << 2), highest + spread);
  }
}

/**
 * slopes [rows, width] ← g·(exp(logits − logNormaliser) − [target]), of logits `stride` elements from row to row; in place
 * where both are one memory. Units: rows.
 */
export function differentiateLogits(
  logits: usize, stride: usize, slopes: usize, width: i32, targets: usize, firstToken: u32, logNormaliser: usize, g: usize,
  begin: usize, end: usize,
): void {
  for (let row = begin; row < end; row++) {
    let from = logits + ((row * stride) << 2);
    const line = slopes + ((row * width) << 2);
    let at = line;
    const shift = f32.load(logNormaliser + (row << 2));
    const factor = f32.load(g + (row << 2));
    const below = f32x4.splat(shift), by = f32x4.splat(factor);
    const target = load<u32>(targets + (row << 2)) - firstToken;
    let k = 0;
    // In pairs, which engines that join vectors make one.
    for (; k <= width - 8; k += 8) {
      const low = f32x4.mul(by, vexpOfNegative(f32x4.sub(v128.load(from), below)));
      const high = f32x4.mul(by, vexpOfNegative(f32x4.sub(v128.load(from, 16), below)));
      v128.store(at, low);
      v128.store(at, high, 16);
      from += 32;
      at += 32;
    }
    for (; k < width; k++) {
      f32.store(at, factor * sexpOfNegative(f32.load(from) - shift));
      from += 4;
      at += 4;
    }
    if (target < <u32>width) {
      const to = line + (<usize>target << 2);
      f32.store(to, f32.load(to) - factor);
    }
  }
}
