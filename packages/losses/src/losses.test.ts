// The losses of this package under the laws of losses.
import {
  bradleyTerryLoss,
  dpoLoss,
  gateEntropyLoss,
  languageModelLoss,
  preferenceLoss,
  simpoLoss,
  totalLoss,
  trajectoryRewards,
} from "./index.ts";
import { lossLaws, pairLossLaws } from "./testing/index.ts";

lossLaws("the losses", { gateEntropyLoss, languageModelLoss, preferenceLoss, totalLoss, trajectoryRewards });
pairLossLaws("the losses of the peers", { dpoLoss, simpoLoss, bradleyTerryLoss, preferenceLoss });
