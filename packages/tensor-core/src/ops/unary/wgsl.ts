export const wgsl = (): never => {
  throw new Error("unary on webgpu");
};
