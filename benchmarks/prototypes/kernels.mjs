// The kernels that are compared: ours through the ops that models use, and the prototypes that do the same work. A prototype
// is given operands packed and rounded beforehand, ours packs and rounds within its time. Knows no timing.
import { matmul, sumTo } from "@dual-head/tensor-core";
import { joinsVectors } from "./build.mjs";

const shapes = [
  [4096, 4096],
  [512, 2048],
  [32000, 288],
  [32000, 2048],
];
const products = [
  [512, 512, 512],
  [256, 32000, 288],
];

/** Numbers in [−scale/2, scale/2), the same each time. */
function noise(length, scale) {
  let state = 7;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state / 2 ** 32) * scale;
  });
}

/** Prototypes of matrix–vector products in a dtype, with their arguments behind the weights. */
const vectorKernels = {
  f32: ["f32_r1", "f32_r2", "f32_p8", "f32_p16"].map((name) => ({ name, args: ({ x, y, inner }) => [x, y, inner] })),
  bf16: [{ name: "bf16_p8", args: ({ x, y, inner }) => [x, y, inner] }],
  f16: [{ name: "f16_p8", args: ({ x, y, inner }) => [x, y, inner] }],
  q8: [
    { name: "q8s_std", args: ({ x, scales, y, inner }) => [x, scales, y, inner] },
    { name: "q8s_a32", args: ({ x, y, inner }) => [x, y, inner] },
    { name: "q8s_rel", relaxedDot: true, args: ({ x, other, scales, y, inner }) => [x, other, scales, y, inner] },
  ],
  q4: [
    { name: "q4s_std", args: ({ x, scales, other, y, inner }) => [x, scales, other, y, inner] },
    { name: "q4s_rel", relaxedDot: true, args: ({ x, scales, other, y, inner }) => [x, scales, other, y, inner] },
  ],
};

/** Pieces of work: name, unit, amount a run, ours and prototypes by name; operands are freed by dispose. */
export function* comparisons(device, prototypes, threads) {
  for (const [rows, inner] of shapes) {
    const shape = `${rows}×${inner}`;
    prototypes.reset();
    const at = { weights: prototypes.allocate(rows * inner * 4), y: prototypes.allocate(rows * 4 + 4096), inner };
    for (const name of ["x", "other", "scales"]) at[name] = prototypes.allocate(65_536);
    const chunk = Math.max(16, Math.ceil(rows / (threads * 8) / 16) * 16);
    const values = noise(rows * inner, 0.1);
    const x = device.keep(device.tensor(noise(inner, 1), [1, inner]));
    const flat = device.keep(device.tensor(values, [rows * inner]));
    const lines = (rows * inner) / 16;
    yield {
      name: `read ${shape}`,
      unit: "GB/s",
      amount: 4 * rows * inner,
      ours: () => sumTo(flat, []).dispose(),
      prototypes: {
        readsum_r: () => prototypes.run("readsum_r", [at.weights], lines, Math.ceil(lines / (8 * threads))),
      },
      dispose: () => flat.dispose(),
    };
    for (const [dtype, kernels] of Object.entries(vectorKernels)) {
      const weight = device.keep(device.tensor(values, [rows, inner], dtype));
      // The baseline compiler of Node 20 computes the relaxed dot product wrongly.
      const right = kernels.filter(({ relaxedDot }) => joinsVectors || relaxedDot !== true);
      yield {
        name: `GEMV ${dtype} ${shape}`,
        unit: "GFLOP/s",
        amount: 2 * rows * inner,
        ours: () => matmul(x, weight, { transposeB: true }).dispose(),
        prototypes: Object.fromEntries(
          right.map(({ name, args }) => [name, () => prototypes.run(name, [at.weights, ...args(at)], rows, chunk)]),
        ),
        dispose: () => weight.dispose(),
      };
    }
    x.dispose();
  }
  for (const [rows, columns, inner] of products) {
    prototypes.reset();
    const a = prototypes.allocate(rows * inner * 4 + 8192);
    const b = prototypes.allocate(columns * inner * 4 + 8192);
    const c = prototypes.allocate(rows * columns * 4 + 65_536);
    const x = device.keep(device.tensor(noise(rows * inner, 1), [rows, inner]));
    const weight = device.keep(device.tensor(noise(columns * inner, 0.1), [columns, inner]));
    const tiles = Object.keys(prototypes.kernels).filter((name) => name.startsWith("gemm_"));
    const whole = tiles.filter((name) => {
      const [tileRows, tileColumns] = name.match(/\d+/g).map(Number);
      return rows % tileRows === 0 && columns % tileColumns === 0;
    });
    yield {
      name: `GEMM ${rows}×${inner}×${columns}`,
      unit: "GFLOP/s",
      amount: 2 * rows * columns * inner,
      ours: () => matmul(x, weight, { transposeB: true }).dispose(),
      prototypes: Object.fromEntries(
        whole.map((name) => {
          const [tileRows, tileColumns] = name.match(/\d+/g).map(Number);
          const panels = columns / tileColumns;
          const blocks = [Math.min(inner, 256), Math.floor(192 / tileRows) * tileRows];
          const args = [a, b, c, rows, columns, inner, ...blocks];
          return [name, () => prototypes.run(name, args, panels, Math.max(1, Math.ceil(panels / (threads * 8))))];
        }),
      ),
      dispose() {
        x.dispose();
        weight.dispose();
      },
    };
  }
}
