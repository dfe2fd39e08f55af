// The topic animals, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic animals. */
export const animals: Topic = {
  name: "animals",
  tasks: [
    {
      goal: "train a puppy to sit",
      needs: "some small treats",
      steps: ["hold a treat above its nose", "say the word in a clear voice", "give the treat when the puppy sits"],
      mistake: "shout at the puppy until it sits",
    },
    {
      goal: "feed wild birds",
      needs: "seeds and a clean dish",
      steps: ["put the seeds in a high place", "clean the dish every week", "give fresh water in winter"],
      mistake: "throw salted chips on the lawn",
    },
    {
      goal: "clean a fish tank",
      needs: "a bucket and a soft sponge",
      steps: [
        "take out one third of the water",
        "wipe the glass with the sponge",
        "fill it up with water of the same warmth",
      ],
      mistake: "wash the fish with soap",
    },
    {
      goal: "brush a cat",
      needs: "a soft brush",
      steps: ["wait until the cat is calm", "brush along the fur", "stop when the cat moves its tail"],
      mistake: "brush against the fur with force",
    },
    {
      goal: "take a photo of a deer",
      needs: "a camera and a lot of patience",
      steps: [
        "wear clothes that make no noise",
        "stay far away and keep still",
        "wait for the soft light of the morning",
      ],
      mistake: "run after the deer with a flash",
    },
    {
      goal: "build a house for bees",
      needs: "dry wood and a drill",
      steps: ["drill small holes into the wood", "hang it in a sunny place", "keep the wood dry under a roof"],
      mistake: "paint the holes with thick glue",
    },
  ],
  facts: [
    {
      about: "how long a goldfish remembers things",
      truth: "a goldfish remembers things for months",
      myth: "a goldfish forgets everything after three seconds",
      because: "it can learn to come for food",
    },
    {
      about: "what color makes a bull angry",
      truth: "the moving cloth makes a bull angry",
      myth: "the color red makes a bull angry",
      because: "a bull can hardly see red",
    },
    {
      about: "how well bats can see",
      truth: "bats can see quite well",
      myth: "bats are completely blind",
      because: "their eyes work at night as well",
    },
    {
      about: "where an ostrich puts its head",
      truth: "an ostrich lowers its head to turn its eggs",
      myth: "an ostrich hides its head in the sand",
      because: "it could not breathe in the sand",
    },
    {
      about: "how a camel stores its water",
      truth: "a camel stores fat in its hump",
      myth: "a camel stores water in its hump",
      because: "the fat gives it strength for the way",
    },
  ],
  hazards: [
    {
      wish: "pet a dog that I do not know",
      careless: ["put your hand on the head of the strange dog", "take away its bone to play"],
      careful: ["ask the owner before you touch the dog", "let the dog come to you"],
      harm: "the dog could bite your hand",
    },
    {
      wish: "feed chocolate to my dog",
      careless: ["give the dog a whole bar of chocolate", "leave the cake where the dog can reach it"],
      careful: ["give the dog food that is made for dogs", "lock the sweets in a cupboard"],
      harm: "chocolate could poison the dog",
    },
    {
      wish: "pick up a snake in the woods",
      careless: ["grab the snake behind its head", "poke the snake with a short stick"],
      careful: ["step back slowly from the snake", "watch the snake from far away"],
      harm: "the snake could bite you",
    },
  ],
};
