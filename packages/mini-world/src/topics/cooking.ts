// The topic cooking, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic cooking. */
export const cooking: Topic = {
  name: "cooking",
  tasks: [
    {
      goal: "boil an egg",
      needs: "an egg and a small pot",
      steps: ["put the egg into cold water", "heat the water until it boils", "take the egg out after eight minutes"],
      mistake: "put the egg into the microwave",
    },
    {
      goal: "cook rice",
      needs: "one cup of rice and two cups of water",
      steps: ["wash the rice in a bowl", "let it cook on a low heat", "let the rice rest under the lid"],
      mistake: "stir the rice all the time",
    },
    {
      goal: "bake bread",
      needs: "flour and yeast and some salt",
      steps: ["mix the flour with warm water", "let the dough rise for one hour", "bake the dough in a hot oven"],
      mistake: "put the dough into the fridge while it bakes",
    },
    {
      goal: "make a tomato soup",
      needs: "ripe tomatoes and an onion",
      steps: [
        "cut the onion into small pieces",
        "cook the tomatoes with the onion",
        "mix everything until it is smooth",
      ],
      mistake: "add the tomatoes when the soup is on the table",
    },
    {
      goal: "make a salad",
      needs: "green leaves and a little oil",
      steps: ["wash the leaves under cold water", "dry the leaves with a cloth", "add the oil just before you eat"],
      mistake: "cook the leaves for an hour",
    },
    {
      goal: "make pancakes",
      needs: "milk and flour and two eggs",
      steps: ["beat the eggs with the milk", "add the flour little by little", "turn the pancake when it has bubbles"],
      mistake: "pour the whole bowl into one cold pan",
    },
  ],
  facts: [
    {
      about: "whether cooking wine removes all its alcohol",
      truth: "some of the alcohol stays in the dish",
      myth: "all of the alcohol is gone after a minute",
      because: "alcohol needs hours to boil away",
    },
    {
      about: "what keeps meat juicy",
      truth: "resting the meat keeps it juicy",
      myth: "a hard crust keeps all the juice inside",
      because: "water can leave through any crust",
    },
    {
      about: "where bread stays fresh for longest",
      truth: "bread stays fresh for longest in the freezer",
      myth: "bread stays fresh for longest in the fridge",
      because: "cold air just above zero makes bread hard",
    },
    {
      about: "whether salt makes water boil much faster",
      truth: "salt hardly changes how fast water boils",
      myth: "salt makes water boil twice as fast",
      because: "a spoon of salt moves the boiling point very little",
    },
    {
      about: "what sharp knives do",
      truth: "a sharp knife is safer than a dull one",
      myth: "a dull knife is safer than a sharp one",
      because: "a dull blade slips more easily",
    },
  ],
  hazards: [
    {
      wish: "carry a hot pan without gloves",
      careless: ["grab the hot pan with your bare hand", "run across the kitchen with the hot pan"],
      careful: ["use a thick dry towel for the handle", "let the pan cool down before you lift it"],
      harm: "you could burn your hand",
    },
    {
      wish: "put out burning oil with water",
      careless: ["pour cold water on the burning oil", "carry the burning pan to the sink"],
      careful: ["put a lid on the pan and turn off the heat", "leave the kitchen and call for help if it grows"],
      harm: "the burning oil could splash into your face",
    },
    {
      wish: "eat chicken that is still raw inside",
      careless: ["eat the chicken while it is still pink", "leave the raw chicken in the sun before lunch"],
      careful: ["cook the chicken until no part is pink", "keep the raw chicken cold and apart"],
      harm: "the raw meat could make you very sick",
    },
  ],
};
