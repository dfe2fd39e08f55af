export const cpuBroadcastTo: undefined = undefined;
export const cpuSumTo: undefined = undefined;
