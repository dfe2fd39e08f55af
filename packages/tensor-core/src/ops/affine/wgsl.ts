export const wgsl = (): never => {
  throw new Error("affine on webgpu");
};
