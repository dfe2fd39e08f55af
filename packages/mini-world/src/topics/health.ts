// The topic health, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic health. */
export const health: Topic = {
  name: "health",
  tasks: [
    {
      goal: "fall asleep faster",
      needs: "a dark and quiet room",
      steps: ["go to bed at the same time each day", "keep the bedroom cool and dark", "read a calm book before bed"],
      mistake: "watch a loud film in bed",
    },
    {
      goal: "start running",
      needs: "a pair of good shoes",
      steps: ["walk fast for five minutes", "run slowly for ten minutes", "rest for one day before the next run"],
      mistake: "run as far as you can on the first day",
    },
    {
      goal: "drink more water",
      needs: "a bottle that you like",
      steps: ["put a full bottle on your desk", "drink a glass with each meal", "add a slice of lemon for the taste"],
      mistake: "drink only when you feel dizzy",
    },
    {
      goal: "sit better at work",
      needs: "a chair that you can adjust",
      steps: ["set the screen at the height of your eyes", "put both feet on the floor", "stand up every half hour"],
      mistake: "lean over the keyboard all day",
    },
    {
      goal: "treat a small cut",
      needs: "clean water and a plaster",
      steps: ["wash the cut with clean water", "press a clean cloth on it", "cover the cut with a plaster"],
      mistake: "rub some sand into the cut",
    },
    {
      goal: "calm down before a test",
      needs: "a quiet place to sit",
      steps: ["breathe in slowly through your nose", "count to ten in your head", "think of a place that you love"],
      mistake: "hold your breath until the test starts",
    },
  ],
  facts: [
    {
      about: "how a cold is caught",
      truth: "people catch a cold from a virus",
      myth: "people catch a cold from wet hair",
      because: "the virus passes from hand to hand",
    },
    {
      about: "how much of the brain people use",
      truth: "people use all of their brain",
      myth: "people use only a tenth of their brain",
      because: "every part is busy during the day",
    },
    {
      about: "what carrots do for the eyes",
      truth: "carrots do not give you perfect eyes",
      myth: "carrots let you see in the dark",
      because: "the eye needs only a little of what they contain",
    },
    {
      about: "what cracking the fingers does",
      truth: "cracking the fingers does not harm the joints",
      myth: "cracking the fingers ruins the joints",
      because: "the sound comes from tiny bubbles of gas",
    },
    {
      about: "what sugar does to children",
      truth: "sugar does not make children wild",
      myth: "sugar makes all children wild",
      because: "children are excited by the party itself",
    },
  ],
  hazards: [
    {
      wish: "share my medicine with a friend",
      careless: ["give your friend half of your pills", "tell your friend to take a double dose"],
      careful: ["ask a doctor what your friend needs", "keep your medicine for yourself"],
      harm: "the medicine could be wrong for your friend",
    },
    {
      wish: "stop eating to lose weight fast",
      careless: ["eat nothing at all for a week", "drink only coffee instead of meals"],
      careful: ["eat small meals with many vegetables", "ask a doctor for a good plan"],
      harm: "you could faint and hurt yourself",
    },
    {
      wish: "run with a broken toe",
      careless: ["run on and ignore the pain", "tie the toe tightly and race"],
      careful: ["rest the foot until it is healed", "let a doctor look at the toe"],
      harm: "the toe could heal in a bad way",
    },
  ],
};
