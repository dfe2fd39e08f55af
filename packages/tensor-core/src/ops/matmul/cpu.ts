export const cpu: undefined = undefined;
