// From a head's description to the head; knows no file format.
import { blockHead } from "./block-head.ts";
import { linearHead } from "./linear-head.ts";
import { lowRankHead } from "./low-rank-head.ts";
import { residualHead } from "./residual-head.ts";
import type { HeadConfig, RewardHead } from "./reward-head.ts";

/**
 * The head a configuration describes, as `head.config` gave it.
 *
 * @throws HeadError where the configuration cannot be
 */
export function createHead(config: HeadConfig): RewardHead {
  switch (config.kind) {
    case "linear":
      return linearHead(config);
    case "low-rank":
      return lowRankHead(config);
    case "residual":
      return residualHead(config);
    case "block":
      return blockHead(config);
  }
}
