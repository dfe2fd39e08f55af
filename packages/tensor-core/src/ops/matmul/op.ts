// Matrix product of two matrices, either one transposed.
import { apply } from "../../dispatch.ts";
import { ShapeError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkInputCount, checkShape, checkWeight } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** Attributes of `matmul`: whether an operand is stored transposed. */
export interface MatmulAttrs {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** C[M, N] = A[M, K]·B[K, N], A stored [K, M] where transposeA, B stored [N, K] where transposeB; B may be packed. */
export const matmulOp: OpDefinition<MatmulAttrs> = defineOp({
  name: "matmul",
  infer(inputs, { transposeA, transposeB }) {
    checkInputCount("matmul", inputs, 2);
    const dtype = checkFloats("matmul", [inputs[0]!]);
    checkWeight("matmul", "b", inputs[1]!, dtype);
    checkShape("matmul", "a", inputs[0]!, [-1, -1]);
    checkShape("matmul", "b", inputs[1]!, [-1, -1]);
    const [a0, a1] = inputs[0]!.shape as [number, number];
    const [b0, b1] = inputs[1]!.shape as [number, number];
    const inner = transposeA ? a0 : a1;
    if ((transposeB ? b1 : b0) !== inner) {
      throw new ShapeError({
        op: "matmul",
        label: "the inner extent of b",
        expected: inner,
        actual: transposeB ? b1 : b0,
      });
    }
    return [{ shape: [transposeA ? a1 : a0, transposeB ? b0 : b1], dtype }];
  },
  reference({ inputs, outputs, attrs: { transposeA, transposeB } }) {
    const a = inputs[0]!.data;
    const b = inputs[1]!.data;
    const c = outputs[0]!.data;
    const [rows, columns] = outputs[0]!.shape as [number, number];
    const inner = inputs[0]!.shape[transposeA ? 0 : 1]!;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          sum +=
            a[transposeA ? k * rows + row : row * inner + k]! *
            b[transposeB ? column * inner + k : k * columns + column]!;
        }
        c[row * columns + column] = sum;
      }
    }
  },
  cpu,
  wgsl,
  // dA = G·Bᵀ and dB = Aᵀ·G, each transposed again where the operand is stored transposed.
  vjp: ({ inputs: [a, b], attrs: { transposeA, transposeB }, needs }, [g]) => [
    needs[0]
      ? transposeA
        ? matmul(b!, g!, { transposeA: transposeB, transposeB: true })
        : matmul(g!, b!, { transposeB: !transposeB })
      : null,
    needs[1]
      ? transposeB
        ? matmul(g!, a!, { transposeA: true, transposeB: transposeA })
        : matmul(a!, g!, { transposeA: !transposeA })
      : null,
  ],
});

/** A·B for matrices; `transposeA`/`transposeB` read that operand as its transpose. [M, K]·[K, N] → [M, N]. */
export function matmul(a: Tensor, b: Tensor, attrs: Partial<MatmulAttrs> = {}): Tensor {
  return apply(matmulOp, [a, b], { transposeA: attrs.transposeA ?? false, transposeB: attrs.transposeB ?? false })[0]!;
}
