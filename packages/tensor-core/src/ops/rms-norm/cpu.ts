export const cpuRmsNorm: undefined = undefined;
export const cpuRmsNormGrad: undefined = undefined;
