export const wgslRmsNorm = (): never => {
  throw new Error("rms-norm on webgpu");
};
export const wgslRmsNormGrad = (): never => {
  throw new Error("rms-norm on webgpu");
};
