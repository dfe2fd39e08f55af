// The topics of the world, in the order that seeds count on: new ones go to the end.
import { animals } from "./animals.ts";
import { cooking } from "./cooking.ts";
import { friends } from "./friends.ts";
import { garden } from "./garden.ts";
import { health } from "./health.ts";
import { home } from "./home.ts";
import { money } from "./money.ts";
import { outdoors } from "./outdoors.ts";
import { school } from "./school.ts";
import { sports } from "./sports.ts";
import { tools } from "./tools.ts";
import type { Topic } from "./topic.ts";
import { travel } from "./travel.ts";

/** Every topic. */
export const topics: readonly Topic[] = [
  cooking,
  travel,
  health,
  animals,
  money,
  tools,
  school,
  garden,
  home,
  sports,
  friends,
  outdoors,
];
