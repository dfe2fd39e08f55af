export const wgslAttention = (): never => {
  throw new Error("attention on webgpu");
};
export const wgslAttentionGrad = (): never => {
  throw new Error("attention on webgpu");
};
