// C = A·B (+ C) over strided matrices: a register tile for many rows, one workgroup a few outputs for few rows.
// Operands larger than one binding are cut along their stored rows. Knows no op and no meaning of rows.

import { defaultLanes, defineKernel, gridOf, type Kernel, kernelFamily } from "../kernel.ts";
import type { WgslBinding, WgslLimits, WgslPass } from "../program.ts";
import { looseRanges, windowOf } from "../ranges.ts";

/** A row-major matrix of f32 in a binding, read as its transpose where `transposed`. */
export interface MatrixOperand {
  readonly binding: WgslBinding;
  /** Stored extents. */
  readonly rowCount: number;
  readonly columnCount: number;
  readonly transposed: boolean;
}

/** One product; C is never transposed. */
export interface MatmulPlan {
  readonly op: string;
  readonly a: MatrixOperand;
  readonly b: MatrixOperand;
  readonly c: WgslBinding;
  /** Adds to what C holds. */
  readonly accumulate: boolean;
}

type MatmulUniforms =
  | "rowCount"
  | "columnCount"
  | "innerCount"
  | "aRow"
  | "aInner"
  | "aStart"
  | "bInner"
  | "bColumn"
  | "bStart"
  | "cRow"
  | "cColumn"
  | "cStart"
  | "accumulate";

const buffers = { A: "read f32", B: "read f32", C: "write f32" } as const;
const uniforms: Readonly<Record<MatmulUniforms, "u32">> = {
  rowCount: "u32",
  columnCount: "u32",
  innerCount: "u32",
  aRow: "u32",
  aInner: "u32",
  aStart: "u32",
  bInner: "u32",
  bColumn: "u32",
  bStart: "u32",
  cRow: "u32",
  cColumn: "u32",
  cStart: "u32",
  accumulate: "u32",
};

type MatmulKernel = Kernel<"A" | "B" | "C", MatmulUniforms>;

const store = `
fn store(row: u32, column: u32, value: f32) {
  if (row >= params.rowCount || column >= params.columnCount) { return; }
  let at = params.cStart + row * params.cRow + column * params.cColumn;
  if (params.accumulate == 1u) { C[at] += value; } else { C[at] = value; }
}
`;

/** Rows and columns of one workgroup's tile; each of its 8×8 lanes keeps 4×4 sums. */
const tileSide = 32;

const tiled: MatmulKernel = defineKernel({
  label: "matmul-tiled",
  buffers,
  uniforms,
  // Both tiles hold vec4s along the output axis: 16 inner steps of 32 rows and of 32 columns. Lanes load along the axis
  // that is contiguous in memory.
  globals: `${store}
var<workgroup> tileA: array<vec4f, 128>;
var<workgroup> tileB: array<vec4f, 128>;
fn loadA(row: u32, k: u32) -> f32 {
  if (row >= params.rowCount || k >= params.innerCount) { return 0.0; }
  return A[params.aStart + row * params.aRow + k * params.aInner];
}
fn loadB(k: u32, column: u32) -> f32 {
  if (column >= params.columnCount || k >= params.innerCount) { return 0.0; }
  return B[params.bStart + k * params.bInner + column * params.bColumn];
}
`,
  body: `
  let firstRow = workgroupId.y * ${tileSide}u;
  let firstColumn = workgroupId.x * ${tileSide}u;
  let laneColumn = lane & 7u;
  let laneRow = lane >> 3u;
  let aAlongInner = params.aInner == 1u;
  let bAlongInner = params.bInner == 1u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (var firstInner = 0u; firstInner < params.innerCount; firstInner += 16u) {
    for (var half = 0u; half < 2u; half++) {
      let acrossK = laneRow + 8u * half;
      let alongK = lane & 15u;
      let alongQuad = (lane >> 4u) + 4u * half;
      let kA = select(acrossK, alongK, aAlongInner);
      let quadA = select(laneColumn, alongQuad, aAlongInner);
      let row = firstRow + 4u * quadA;
      let innerA = firstInner + kA;
      tileA[kA * 8u + quadA] = vec4f(loadA(row, innerA), loadA(row + 1u, innerA), loadA(row + 2u, innerA), loadA(row + 3u, innerA));
      let kB = select(acrossK, alongK, bAlongInner);
      let quadB = select(laneColumn, alongQuad, bAlongInner);
      let column = firstColumn + 4u * quadB;
      let innerB = firstInner + kB;
      tileB[kB * 8u + quadB] = vec4f(loadB(innerB, column), loadB(innerB, column + 1u), loadB(innerB, column + 2u), loadB(innerB, column + 3u));
    }
    workgroupBarrier();
    let steps = min(16u, params.innerCount - firstInner);
    for (var k = 0u; k < steps; k++) {
      let a = tileA[k * 8u + laneRow];
      let b = tileB[k * 8u + laneColumn];
      sum0 = fma(vec4f(a.x), b, sum0);
      sum1 = fma(vec4f(a.y), b, sum1);
      sum2 = fma(vec4f(a.z), b, sum2);
      sum3 = fma(vec4f(a.w), b, sum3);
    }
    workgroupBarrier();
  }
  let row = firstRow + 4u * laneRow;
  let column = firstColumn + 4u * laneColumn;
  for (var i = 0u; i < 4u; i++) {
    store(row, column + i, sum0[i]);
    store(row + 1u, column + i, sum1[i]);
    store(row + 2u, column + i, sum2[i]);
    store(row + 3u, column + i, sum3[i]);
  }
`,
});

const fewRowSizes = [1, 2, 4, 8] as const;
type FewRows = (typeof fewRowSizes)[number];
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
const rowPointers = (rows: number) =>
  upTo(rows)
    .map((r) => `let a${r} = params.aStart + min(${r}u, params.rowCount - 1u) * params.aRow; var sum${r} = vec4f();`)
    .join("\n  ");

// Where B's inner axis is contiguous: the lanes of a workgroup share it, four columns at once, and add up in a tree.
const fewRowsAlongInner = kernelFamily(
  (rows: FewRows): MatmulKernel =>
    defineKernel({
      label: `matmul-inner-${rows}`,
      buffers,
      uniforms,
      globals: `${store}\nvar<workgroup> sums: array<f32, ${4 * defaultLanes * rows}>;`,
      body: `
  let column = group * 4u;
  if (column >= params.columnCount) { return; }
  let last = params.columnCount - 1u;
  let b = min(vec4u(column, column + 1u, column + 2u, column + 3u), vec4u(last)) * params.bColumn;
  ${rowPointers(rows)}
  for (var k = lane; k < params.innerCount; k += ${defaultLanes}u) {
    let at = params.bStart + k * params.bInner;
    let weights = vec4f(B[b.x + at], B[b.y + at], B[b.z + at], B[b.w + at]);
    ${upTo(rows)
      .map((r) => `sum${r} = fma(vec4f(A[a${r} + k * params.aInner]), weights, sum${r});`)
      .join("\n    ")}
  }
  ${upTo(rows)
    .map((r) =>
      upTo(4)
        .map((c) => `sums[lane * ${4 * rows}u + ${4 * r + c}u] = sum${r}[${c}];`)
        .join(" "),
    )
    .join("\n  ")}
  workgroupBarrier();
  // Lane-major, so that one flat loop adds the upper half of the lanes to the lower.
  for (var reach = ${defaultLanes / 2}u; reach > 0u; reach >>= 1u) {
    for (var at = lane; at < reach * ${4 * rows}u; at += ${defaultLanes}u) { sums[at] += sums[at + reach * ${4 * rows}u]; }
    workgroupBarrier();
  }
  if (lane < ${4 * rows}u) { store(lane >> 2u, column + (lane & 3u), sums[lane]); }
`,
    }),
);

// Where B's columns are contiguous: one lane a column.
const fewRowsAlongColumns = kernelFamily(
  (rows: FewRows): MatmulKernel =>
    defineKernel({
      label: `matmul-columns-${rows}`,
      buffers,
      uniforms,
      globals: store,
      body: `
  let column = group * ${defaultLanes}u + lane;
  if (column >= params.columnCount) { return; }
  let b = params.bStart + column * params.bColumn;
  ${upTo(rows)
    .map((r) => `let a${r} = params.aStart + min(${r}u, params.rowCount - 1u) * params.aRow; var sum${r} = 0.0;`)
    .join("\n  ")}
  for (var k = 0u; k < params.innerCount; k++) {
    let weight = B[b + k * params.bInner];
    let at = k * params.aInner;
    ${upTo(rows)
      .map((r) => `sum${r} = fma(A[a${r} + at], weight, sum${r});`)
      .join("\n    ")}
  }
  ${upTo(rows)
    .map((r) => `store(${r}u, column, sum${r});`)
    .join("\n  ")}
`,
    }),
);

/** The passes of a product, in order; throws DeviceError where a single row exceeds a binding. */
export function matmulPasses(plan: MatmulPlan, limits: WgslLimits): WgslPass[] {
  const { op, a, b } = plan;
  const rowCount = a.transposed ? a.columnCount : a.rowCount;
  const innerCount = a.transposed ? a.rowCount : a.columnCount;
  const columnCount = b.transposed ? b.rowCount : b.columnCount;
  if (rowCount === 0 || columnCount === 0) return [];
  const aRowBytes = 4 * a.columnCount;
  const bRowBytes = 4 * b.columnCount;
  const cRowBytes = 4 * columnCount;
  const rows = looseRanges(op, rowCount, a.transposed ? [cRowBytes] : [cRowBytes, aRowBytes], limits);
  const inners = looseRanges(
    op,
    innerCount,
    [...(a.transposed ? [aRowBytes] : []), ...(b.transposed ? [] : [bRowBytes])],
    limits,
  );
  const columns = looseRanges(op, columnCount, b.transposed ? [bRowBytes] : [], limits);
  return rows.flatMap((row) =>
    columns.flatMap((column) =>
      inners.map((inner, index) => {
        const aWindow = windowOf(a.binding, aRowBytes, a.transposed ? inner : row, limits);
        const bWindow = windowOf(b.binding, bRowBytes, b.transposed ? column : inner, limits);
        const cWindow = windowOf(plan.c, cRowBytes, row, limits);
        return product(
          limits,
          { A: aWindow.binding, B: bWindow.binding, C: cWindow.binding },
          {
            rowCount: row.count,
            columnCount: column.count,
            innerCount: inner.count,
            aRow: a.transposed ? 1 : a.columnCount,
            aInner: a.transposed ? a.columnCount : 1,
            // A range along the axis that is not cut begins inside each stored row.
            aStart: aWindow.start + (a.transposed ? row.start : inner.start),
            bInner: b.transposed ? 1 : b.columnCount,
            bColumn: b.transposed ? b.columnCount : 1,
            bStart: bWindow.start + (b.transposed ? inner.start : column.start),
            cRow: columnCount,
            cColumn: 1,
            cStart: cWindow.start + column.start,
            accumulate: plan.accumulate || index > 0 ? 1 : 0,
          },
        );
      }),
    ),
  );
}

/** Below this inner extent the lanes of a workgroup would have too little to share. */
const leastSharedInner = 32;

/** Picks the kernel by the shape: one with few columns is the transposed product with few rows. */
function product(
  limits: WgslLimits,
  bindings: Readonly<Record<"A" | "B" | "C", WgslBinding>>,
  values: Readonly<Record<MatmulUniforms, number>>,
): WgslPass {
  const { rowCount, columnCount } = values;
  const rows = fewRowSizes.find((size) => size >= rowCount);
  if (rows === undefined) {
    if (columnCount <= fewRowSizes.at(-1)!) {
      return product(limits, { A: bindings.B, B: bindings.A, C: bindings.C }, transpose(values));
    }
    return tiled(bindings, values, [Math.ceil(columnCount / tileSide), Math.ceil(rowCount / tileSide), 1]);
  }
  if (values.bInner === 1 && values.innerCount >= leastSharedInner) {
    return fewRowsAlongInner(rows)(bindings, values, gridOf(limits, Math.ceil(columnCount / 4)));
  }
  return fewRowsAlongColumns(rows)(bindings, values, gridOf(limits, Math.ceil(columnCount / defaultLanes)));
}

/** Cᵀ = Bᵀ·Aᵀ. */
function transpose(values: Readonly<Record<MatmulUniforms, number>>): Record<MatmulUniforms, number> {
  return {
    ...values,
    rowCount: values.columnCount,
    columnCount: values.rowCount,
    aRow: values.bColumn,
    aInner: values.bInner,
    aStart: values.bStart,
    bInner: values.aInner,
    bColumn: values.aRow,
    bStart: values.aStart,
    cRow: values.cColumn,
    cColumn: values.cRow,
  };
}
