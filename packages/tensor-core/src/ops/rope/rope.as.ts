// Rotation of the heads of rows; AssemblyScript.
import { loadPartial, storePartial } from "../../backends/cpu/prelude.as";

/** `sign` is 1, or −1 to rotate back; numbers of a head from `turned` on are copied. Units: rows. */
export function ropeRows(
  x: usize, rotation: usize, y: usize, width: i32, headSize: i32, turned: i32, sign: f32, begin: usize, end: usize,
): void {
  const half = turned >> 1;
  const halfBytes = <usize>half << 2;
  const direction = f32x4.splat(sign);
  for (let row = begin; row < end; row++) {
    const cosines = rotation + ((row * turned) << 2);
    for (let head = 0; head < width; head += headSize) {
      const at = (row * width + head) << 2;
      let k = 0;
      for (; k <= half - 4; k += 4) {
        const offset = <usize>k << 2;
        const cos = v128.load(cosines + offset);
        const sin = f32x4.mul(v128.load(cosines + halfBytes + offset), direction);
        const a = v128.load(x + at + offset);
        const b = v128.load(x + at + halfBytes + offset);
        v128.store(y + at + offset, f32x4.sub(f32x4.mul(a, cos), f32x4.mul(b, sin)));
        v128.store(y + at + halfBytes + offset, f32x4.add(f32x4.mul(b, cos), f32x4.mul(a, sin)));
      }
      if (k < half) {
        const offset = <usize>k << 2;
        const rest = half - k;
        const cos = loadPartial(cosines + offset, rest);
        const sin = f32x4.mul(loadPartial(cosines + halfBytes + offset, rest), direction);
        const a = loadPartial(x + at + offset, rest);
        const b = loadPartial(x + at + halfBytes + offset, rest);
        storePartial(y + at + offset, f32x4.sub(f32x4.mul(a, cos), f32x4.mul(b, sin)), rest);
        storePartial(y + at + halfBytes + offset, f32x4.add(f32x4.mul(b, cos), f32x4.mul(a, sin)), rest);
      }
      if (turned < headSize) {
        memory.copy(y + at + (<usize>turned << 2), x + at + (<usize>turned << 2), <usize>(headSize - turned) << 2);
      }
    }
  }
}
