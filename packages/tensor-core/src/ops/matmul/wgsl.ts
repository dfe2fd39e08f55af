export const wgsl = (): never => {
  throw new Error("matmul on webgpu");
};
