// The topic garden, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic garden. */
export const garden: Topic = {
  name: "garden",
  tasks: [
    {
      goal: "grow tomatoes",
      needs: "young plants and a sunny place",
      steps: ["plant them deep into the soil", "tie the stem to a stick", "water the roots and not the leaves"],
      mistake: "keep the plants in the dark",
    },
    {
      goal: "water my plants on a holiday",
      needs: "a bottle with a small hole",
      steps: ["fill the bottle with water", "push the bottle into the soil", "move the pots into the shade"],
      mistake: "put all the pots into the oven",
    },
    {
      goal: "plant a tree",
      needs: "a spade and some water",
      steps: [
        "dig a hole twice as wide as the roots",
        "set the tree upright in the hole",
        "press the soil down with your foot",
      ],
      mistake: "cover the leaves with earth",
    },
    {
      goal: "make compost",
      needs: "old leaves and kitchen scraps",
      steps: ["mix dry leaves with green scraps", "keep the heap a little wet", "turn the heap once a month"],
      mistake: "add meat and plastic bags",
    },
    {
      goal: "cut a hedge",
      needs: "a sharp pair of shears",
      steps: ["look for nests of birds first", "cut the sides before the top", "collect the cut twigs"],
      mistake: "pull the twigs out by the roots",
    },
    {
      goal: "keep snails off the salad",
      needs: "a board and some gloves",
      steps: ["lay a board next to the bed", "collect the snails in the evening", "carry them to a far meadow"],
      mistake: "sing to the snails at noon",
    },
  ],
  facts: [
    {
      about: "what talking to plants does",
      truth: "plants grow from light and water",
      myth: "plants grow only when you talk to them",
      because: "a leaf makes food from light",
    },
    {
      about: "when to water the garden",
      truth: "it is good to water in the morning",
      myth: "it is good to water at noon",
      because: "less water is lost in the cool air",
    },
    {
      about: "what happens to a worm that is cut in two",
      truth: "a worm that is cut in two mostly dies",
      myth: "a worm that is cut in two becomes two worms",
      because: "only one end holds its heart",
    },
    {
      about: "what coffee grounds do for plants",
      truth: "coffee grounds help only in small amounts",
      myth: "coffee grounds make every plant grow",
      because: "too much of it makes the soil sour",
    },
    {
      about: "how deep seeds must lie",
      truth: "small seeds must lie near the surface",
      myth: "all seeds must lie very deep",
      because: "a small seed has little strength",
    },
  ],
  hazards: [
    {
      wish: "eat a mushroom that I do not know",
      careless: ["taste a piece of the unknown mushroom", "cook the mushrooms for your guests"],
      careful: ["show the mushroom to an expert", "buy mushrooms in a shop"],
      harm: "it could be full of poison",
    },
    {
      wish: "mow the lawn without shoes",
      careless: ["push the mower with bare feet", "reach under the mower while it runs"],
      careful: ["wear strong shoes when you mow", "stop the motor before you clean it"],
      harm: "the blade could cut your foot",
    },
    {
      wish: "burn leaves next to the shed",
      careless: ["pour fuel over the dry leaves", "leave the fire alone and have lunch"],
      careful: ["put the leaves on the compost", "take the leaves to the town"],
      harm: "the shed could catch fire",
    },
  ],
};
