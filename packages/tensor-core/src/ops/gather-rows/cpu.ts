export const cpuGatherRows: undefined = undefined;
export const cpuScatterAddRows: undefined = undefined;
