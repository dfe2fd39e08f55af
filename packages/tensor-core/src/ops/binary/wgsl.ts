export const wgsl = (): never => {
  throw new Error("binary on webgpu");
};
