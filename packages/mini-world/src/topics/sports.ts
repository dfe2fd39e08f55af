// The topic sports, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic sports. */
export const sports: Topic = {
  name: "sports",
  tasks: [
    {
      goal: "fix a flat bike tire",
      needs: "a pump and a patch",
      steps: ["take the wheel off the bike", "find the hole in the tube", "press the patch on the clean tube"],
      mistake: "fill the tire with wet sand",
    },
    {
      goal: "learn to swim",
      needs: "a teacher and a shallow pool",
      steps: ["breathe out under the water", "float on your back at first", "kick with straight legs"],
      mistake: "start at the deep end alone",
    },
    {
      goal: "warm up before a game",
      needs: "ten minutes and some space",
      steps: ["jog slowly around the field", "swing your arms in circles", "stretch your legs at the end"],
      mistake: "sit on the bench until it starts",
    },
    {
      goal: "climb a hill by bike",
      needs: "a bike with low gears",
      steps: ["change to a low gear early", "keep a steady pace", "stay on the saddle"],
      mistake: "use the highest gear from the start",
    },
    {
      goal: "throw a ball farther",
      needs: "a ball and a lot of space",
      steps: ["turn your side to the target", "bring your arm far back", "step forward as you throw"],
      mistake: "throw with your eyes closed",
    },
    {
      goal: "keep score in tennis",
      needs: "a sheet and a pencil",
      steps: ["write the names at the top", "count fifteen for the first point", "note each game that is won"],
      mistake: "count only the lost balls",
    },
  ],
  facts: [
    {
      about: "what stretching does before a run",
      truth: "a slow start prevents some injuries",
      myth: "long stretching prevents all injuries",
      because: "warm muscles tear less",
    },
    {
      about: "what burns belly fat",
      truth: "no exercise burns fat in one place",
      myth: "sit ups burn the fat on the belly",
      because: "the body takes fat from everywhere",
    },
    {
      about: "what muscles turn into",
      truth: "muscles get smaller when you rest",
      myth: "muscles turn into fat when you rest",
      because: "they are two kinds of tissue",
    },
    {
      about: "how long to wait with swimming after a meal",
      truth: "a small meal is no danger for swimmers",
      myth: "you must wait two hours after any meal",
      because: "the body has blood enough for both",
    },
    {
      about: "what sweat says about a workout",
      truth: "sweat is how the body cools itself",
      myth: "more sweat means more fat is lost",
      because: "the lost water comes back with a drink",
    },
  ],
  hazards: [
    {
      wish: "ride my bike without a helmet",
      careless: ["leave the helmet at home", "ride fast between the cars"],
      careful: ["wear a helmet on every ride", "use the path for bikes"],
      harm: "you could hurt your head",
    },
    {
      wish: "dive into water I do not know",
      careless: ["jump in with your head first", "climb up a rock and dive"],
      careful: ["check how deep the water is", "walk in slowly from the side"],
      harm: "you could hit a stone",
    },
    {
      wish: "play on with a hurt knee",
      careless: ["take pills and play on", "hide the pain from the coach"],
      careful: ["tell the coach about the knee", "cool the knee and rest"],
      harm: "the knee could get much worse",
    },
  ],
};
