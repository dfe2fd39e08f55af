// The numbers the paper prints in its tables, word for word; nothing public stands behind them. Data only.

/** A row of win rates: percent, as printed. */
export interface PaperWin {
  readonly win: string;
  readonly lengthControlled: string;
}

/** Win rates of dual-head by baseline, of the tables "Main results" and "Cross-architecture". */
export const paperWins: Readonly<Record<"LLaMA-7B" | "Mistral-7B", Readonly<Record<string, PaperWin>>>> = {
  "LLaMA-7B": {
    dpo: { win: "52.3 ± 1.1", lengthControlled: "64.2 ± 0.9" },
    simpo: { win: "58.7 ± 0.9", lengthControlled: "71.8 ± 0.8" },
    args: { win: "76.2 ± 0.8", lengthControlled: "85.4 ± 0.7" },
    genarm: { win: "64.8 ± 0.9", lengthControlled: "78.1 ± 0.8" },
  },
  "Mistral-7B": {
    dpo: { win: "54.1 ± 1.2", lengthControlled: "65.8 ± 1.0" },
    simpo: { win: "59.3 ± 1.0", lengthControlled: "72.4 ± 0.9" },
    args: { win: "74.6 ± 0.9", lengthControlled: "83.9 ± 0.8" },
    genarm: { win: "63.2 ± 1.1", lengthControlled: "76.8 ± 0.9" },
  },
};

/** "Quality and alignment": average reward, diversity, coherence. */
export const paperQuality: Readonly<Record<string, readonly [string, string, string]>> = {
  dpo: ["3.9 ± 0.2", "0.51 ± 0.02", "0.67 ± 0.01"],
  simpo: ["3.6 ± 0.3", "0.49 ± 0.02", "0.66 ± 0.02"],
  args: ["4.1 ± 0.3", "0.48 ± 0.02", "0.65 ± 0.02"],
  genarm: ["3.8 ± 0.2", "0.46 ± 0.03", "0.63 ± 0.02"],
  "dual-head": ["4.3 ± 0.2", "0.53 ± 0.02", "0.69 ± 0.01"],
};

/** "Efficiency": latency in seconds for 128 tokens, memory in GB, forward passes, speed-up over ARGS. */
export const paperEfficiency: Readonly<Record<string, readonly [string, string, string, string]>> = {
  args: ["12.4 ± 0.3", "15.2", "multiple", "1.0"],
  genarm: ["8.7 ± 0.2", "16.8", "2", "1.4"],
  "dual-head": ["7.2 ± 0.1", "14.9", "1", "1.7"],
  dpo: ["6.8 ± 0.1", "14.1", "1", "1.8"],
  simpo: ["6.9 ± 0.1", "14.0", "1", "1.8"],
};

/** "Ablation": win rates against GenARM. */
export const paperAblation: Readonly<Record<string, PaperWin>> = {
  fixed: { win: "56.8 ± 1.2", lengthControlled: "68.4 ± 1.1" },
  unregularised: { win: "59.1 ± 1.1", lengthControlled: "71.2 ± 1.0" },
  "single-head": { win: "61.3 ± 1.0", lengthControlled: "73.8 ± 0.9" },
  full: { win: "64.8 ± 0.9", lengthControlled: "78.1 ± 0.8" },
};

/** "Multi-objective": helpful and harmless reward by configuration. */
export const paperObjectives: Readonly<Record<string, readonly [string, string]>> = {
  help: ["2.34 ± 0.12", "1.89 ± 0.15"],
  balanced: ["2.18 ± 0.11", "2.21 ± 0.13"],
  safety: ["1.95 ± 0.14", "2.45 ± 0.12"],
  genarm: ["1.87 ± 0.13", "1.92 ± 0.14"],
};

/** "Weak to strong": MT-Bench score and win rate over base of dual-head and DPO, small to large. */
export const paperWeakToStrong: Readonly<Record<"dual-head" | "dpo", readonly (readonly [string, string] | null)[]>> = {
  "dual-head": [
    ["7.24 ± 0.12", "68.4 ± 1.2"],
    ["7.89 ± 0.11", "72.1 ± 1.1"],
    ["8.42 ± 0.09", "76.8 ± 0.9"],
  ],
  dpo: [null, ["7.95 ± 0.10", "73.2 ± 1.0"], ["8.51 ± 0.08", "78.1 ± 0.8"]],
};
