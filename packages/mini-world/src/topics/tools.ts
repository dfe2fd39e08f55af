// The topic tools, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic tools. */
export const tools: Topic = {
  name: "tools",
  tasks: [
    {
      goal: "hang a picture",
      needs: "a nail and a hammer",
      steps: ["mark the place with a pencil", "hold the nail with a clothes peg", "hit the nail with light strokes"],
      mistake: "hit the glass with the hammer",
    },
    {
      goal: "drill a hole in a wall",
      needs: "a drill and the right bit",
      steps: ["look for cables with a detector", "start to drill at a low speed", "clean the dust out of the hole"],
      mistake: "push the drill sideways",
    },
    {
      goal: "change a light bulb",
      needs: "a new bulb and a ladder",
      steps: ["switch off the light first", "let the old bulb cool down", "turn the new bulb to the right"],
      mistake: "pull the old bulb out with a spoon",
    },
    {
      goal: "fix a dripping tap",
      needs: "a wrench and a new seal",
      steps: ["turn off the water under the sink", "open the tap with the wrench", "replace the old rubber seal"],
      mistake: "wrap the tap with paper",
    },
    {
      goal: "paint a door",
      needs: "a brush and some sandpaper",
      steps: ["rub the door with sandpaper", "wipe away the dust", "paint along the grain of the wood"],
      mistake: "paint over the dirt in the rain",
    },
    {
      goal: "sharpen a kitchen knife",
      needs: "a wet stone",
      steps: ["put the stone into water", "hold the blade at a low angle", "draw the blade across the stone"],
      mistake: "scrape the blade over a brick",
    },
  ],
  facts: [
    {
      about: "what makes a screw hold better",
      truth: "a small hole made before makes a screw hold better",
      myth: "a bent screw holds better",
      because: "the wood does not split then",
    },
    {
      about: "which tape stops a leak for ever",
      truth: "no tape stops a leak for ever",
      myth: "silver tape stops a leak for ever",
      because: "the glue gets weak in water",
    },
    {
      about: "what rust is",
      truth: "rust is iron that met water and air",
      myth: "rust is a kind of brown dirt",
      because: "the metal itself is changed",
    },
    {
      about: "how tight a bolt should be",
      truth: "a bolt can be turned too tight",
      myth: "a bolt can never be too tight",
      because: "the thread breaks under too much force",
    },
    {
      about: "what happens to a battery in the cold",
      truth: "a battery gives less power in the cold",
      myth: "a battery gets stronger in the cold",
      because: "the changes inside it become slow",
    },
  ],
  hazards: [
    {
      wish: "use a saw without glasses",
      careless: ["bend close over the running saw", "blow the dust away while it runs"],
      careful: ["wear strong glasses when you saw", "switch off the saw before you clean it"],
      harm: "a splinter could hit your eye",
    },
    {
      wish: "stand on a chair on top of a table",
      careless: ["put the chair on the table and climb up", "stretch to the side on one foot"],
      careful: ["use a ladder that stands firmly", "let somebody hold the ladder"],
      harm: "you could fall and break an arm",
    },
    {
      wish: "repair a lamp that is plugged in",
      careless: ["touch the bare wires to test them", "cut the cable while the lamp is on"],
      careful: ["pull the plug before you open it", "let an expert repair the lamp"],
      harm: "you could get an electric shock",
    },
  ],
};
