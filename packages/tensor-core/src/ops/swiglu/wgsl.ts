export const wgsl = (): never => {
  throw new Error("swiglu on webgpu");
};
