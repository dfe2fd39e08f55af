export const wgsl = (): never => {
  throw new Error("log-softmax on webgpu");
};
