export const cpuAttention: undefined = undefined;
export const cpuAttentionGrad: undefined = undefined;
