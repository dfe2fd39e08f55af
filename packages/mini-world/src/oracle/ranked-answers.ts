// Every prompt with answers ranked by hand, to compare the oracle with. Knows no score.
import { animalsMoneyTools } from "./ranked/animals-money-tools.ts";
import { cookingTravelHealth } from "./ranked/cooking-travel-health.ts";
import type { RankedPrompt } from "./ranked/ranked-prompt.ts";
import { schoolGardenHome } from "./ranked/school-garden-home.ts";
import { sportsFriendsOutdoors } from "./ranked/sports-friends-outdoors.ts";

/** A prompt of each intent for each topic, written without the oracle's rules in view. */
export const rankedAnswers: readonly RankedPrompt[] = [
  ...cookingTravelHealth,
  ...animalsMoneyTools,
  ...schoolGardenHome,
  ...sportsFriendsOutdoors,
];
