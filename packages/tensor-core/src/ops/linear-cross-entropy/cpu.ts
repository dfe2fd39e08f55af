export const cpuLinearCrossEntropy: undefined = undefined;
export const cpuLinearCrossEntropyGrad: undefined = undefined;
