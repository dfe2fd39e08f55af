// The topic outdoors, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic outdoors. */
export const outdoors: Topic = {
  name: "outdoors",
  tasks: [
    {
      goal: "put up a tent",
      needs: "a tent and flat ground",
      steps: [
        "look for flat ground without stones",
        "lay out the tent with the door to the east",
        "push the pegs in at an angle",
      ],
      mistake: "put the tent into the river",
    },
    {
      goal: "light a campfire",
      needs: "dry wood and matches",
      steps: ["make a ring of stones", "build a small tower of thin twigs", "light the twigs at the bottom"],
      mistake: "start with the thickest wet log",
    },
    {
      goal: "read a map",
      needs: "a compass",
      steps: ["turn the map to the north", "find a river or a road on it", "compare it with what you see"],
      mistake: "turn the map around while you walk",
    },
    {
      goal: "stay warm on a winter walk",
      needs: "a hat and three thin layers",
      steps: ["wear three thin layers", "keep your head and hands covered", "eat a snack every hour"],
      mistake: "wear one tight wet shirt",
    },
    {
      goal: "see many stars",
      needs: "a dark place and a clear night",
      steps: [
        "go far away from the city lights",
        "wait until your eyes are used to the dark",
        "lie down on a warm blanket",
      ],
      mistake: "point a strong lamp at the sky",
    },
    {
      goal: "find the north without a compass",
      needs: "a clear night sky",
      steps: [
        "find the seven bright stars",
        "follow the two stars at its side",
        "look for the star that does not move",
      ],
      mistake: "follow the first plane you hear",
    },
  ],
  facts: [
    {
      about: "where moss grows on a tree",
      truth: "moss grows on every damp side",
      myth: "moss grows only on the north side",
      because: "it needs shade and water",
    },
    {
      about: "what warms you in the snow",
      truth: "thin layers of clothes keep you warm",
      myth: "a strong drink keeps you warm",
      because: "the drink makes the skin lose heat",
    },
    {
      about: "what the sun does on a cloudy day",
      truth: "the sun can burn you through clouds",
      myth: "clouds stop every ray of the sun",
      because: "most of its rays pass through",
    },
    {
      about: "when it is coldest at night",
      truth: "it is coldest just after the sun comes up",
      myth: "it is coldest at midnight",
      because: "the ground loses heat all night",
    },
    {
      about: "what bears do when you lie down",
      truth: "lying down does not stop every bear",
      myth: "all bears leave when you lie down",
      because: "it depends on what the bear wants",
    },
  ],
  hazards: [
    {
      wish: "walk on the ice of a lake",
      careless: ["walk to the middle of the thin ice", "jump to test how strong it is"],
      careful: ["stay on the shore in warm weather", "ask the ranger if the ice is thick"],
      harm: "the ice could break under you",
    },
    {
      wish: "stand under a tree in a storm",
      careless: ["wait under the tallest tree", "hold up an iron stick"],
      careful: ["go into a house or a car", "crouch in a low place"],
      harm: "lightning could hit the tree",
    },
    {
      wish: "hike alone without telling anybody",
      careless: ["leave your phone at home", "leave the path when it gets dark"],
      careful: ["tell somebody when you will be back", "turn around before it gets dark"],
      harm: "nobody could find you",
    },
  ],
};
