// The losses of this package under the laws of losses.
import { gateEntropyLoss, languageModelLoss, preferenceLoss, totalLoss, trajectoryRewards } from "./index.ts";
import { lossLaws } from "./testing/index.ts";

lossLaws("the losses", { gateEntropyLoss, languageModelLoss, preferenceLoss, totalLoss, trajectoryRewards });
