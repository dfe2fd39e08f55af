// Public names of tensor-core.
export { type Differentiated, type ValueAndAux, valueAndGrad, valueAndGradAux } from "./autodiff/value-and-grad.ts";
export type { Backend, DeviceInfo, DeviceName, Operand } from "./backends/backend.ts";
export { createDevice, type Device, type HostValues, type OpenDeviceOptions, openDevice } from "./device.ts";
export { apply } from "./dispatch.ts";
export { DeviceError, GradientError, ShapeError } from "./errors.ts";
export { type PackedDtype, packMatrix, unpackMatrix } from "./formats/packing.ts";
export { type CausalReader, type HistoryExtent, rowsAsked } from "./nn/causal-reader.ts";
export { type Page, type PageTableOptions, type Slot, SlotError, type SlotFact } from "./nn/page-table.ts";
export { type Projection, projectionTerms, type WeightedProjection } from "./nn/projection.ts";
export {
  causalRanges,
  entriesOf,
  type RowBatch,
  rowCountOf,
  type Segments,
  segmentPositions,
  segmentsOf,
} from "./nn/ragged.ts";
export {
  createRowCache,
  type RowCache,
  type RowCacheOptions,
  type Slots,
} from "./nn/row-cache.ts";
export { type AdamwAttrs, type AdamwState, adamw } from "./ops/adamw/op.ts";
export { affine } from "./ops/affine/op.ts";
export { type AttentionAttrs, attention } from "./ops/attention/op.ts";
export { add, divide, logAddExp, maximum, minimum, multiply, scaledSigmoid, subtract, where } from "./ops/binary/op.ts";
export { broadcastTo, sumTo } from "./ops/broadcast/op.ts";
export { gatherRows, scatterAddRows } from "./ops/gather-rows/op.ts";
export { layerNorm } from "./ops/layer-norm/op.ts";
export { linearCrossEntropy } from "./ops/linear-cross-entropy/op.ts";
export { logSoftmax } from "./ops/log-softmax/op.ts";
export { type MatmulAttrs, matmul } from "./ops/matmul/op.ts";
export { defineOp, type OpDefinition, type Vjp, type VjpCall } from "./ops/op.ts";
export { project, type Term } from "./ops/project/op.ts";
export { projectTopK } from "./ops/project-top-k/op.ts";
export { reshape } from "./ops/reshape/op.ts";
export { rmsNorm } from "./ops/rms-norm/op.ts";
export { rope } from "./ops/rope/op.ts";
export { swiglu } from "./ops/swiglu/op.ts";
export { type TopKResult, topK } from "./ops/top-k/op.ts";
export { unary } from "./ops/unary/op.ts";
export type { UnaryName } from "./ops/unary/table.ts";
export { unpack } from "./ops/unpack-rows/op.ts";
export { writeRows } from "./ops/write-rows/op.ts";
export { createRandom, type Random } from "./random.ts";
export { Recordings, type RecordingsOptions } from "./recordings.ts";
export {
  byteLengthOf,
  type Dtype,
  type FloatDtype,
  isPacked,
  type NumericArray,
  sizeOf,
  type TensorSpec,
} from "./spec.ts";
export type { DeviceStats, Tensor } from "./tensor.ts";
export { leavesOf, mapTree, replaceLeaves, type Tree } from "./tree.ts";
