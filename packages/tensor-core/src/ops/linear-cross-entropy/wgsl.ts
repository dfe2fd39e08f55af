export const wgslLinearCrossEntropy = (): never => {
  throw new Error("linear-cross-entropy on webgpu");
};
export const wgslLinearCrossEntropyGrad = (): never => {
  throw new Error("linear-cross-entropy on webgpu");
};
