// The topic home, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic home. */
export const home: Topic = {
  name: "home",
  tasks: [
    {
      goal: "clean a window",
      needs: "warm water and a dry cloth",
      steps: ["wipe off the dust first", "wash the glass from top to bottom", "dry the corners with the cloth"],
      mistake: "clean the glass with butter",
    },
    {
      goal: "remove a wine stain",
      needs: "cold water and some salt",
      steps: ["press a dry cloth on the stain", "put salt on the wet place", "rinse the stain with cold water"],
      mistake: "iron the stain while it is wet",
    },
    {
      goal: "fold a shirt",
      needs: "a flat table",
      steps: ["lay the shirt on its front", "fold in both of the sleeves", "fold the bottom up to the collar"],
      mistake: "roll the shirt into a ball",
    },
    {
      goal: "tidy up my room",
      needs: "three big boxes",
      steps: ["sort the things into three boxes", "put each thing in its own place", "open the window at the end"],
      mistake: "push everything under the bed",
    },
    {
      goal: "save energy at home",
      needs: "a list of your devices",
      steps: ["turn down the heat at night", "switch off lamps in empty rooms", "close the lid when you cook"],
      mistake: "leave the fridge open",
    },
    {
      goal: "wash a wool sweater",
      needs: "mild soap and cool water",
      steps: ["use cool water and mild soap", "press out the water gently", "dry the sweater flat on a towel"],
      mistake: "boil the sweater for an hour",
    },
  ],
  facts: [
    {
      about: "whether a warm dish harms the fridge",
      truth: "a warm dish makes the fridge work harder",
      myth: "a warm dish does no harm in the fridge",
      because: "the motor runs until the dish is cold",
    },
    {
      about: "whether glass is a liquid",
      truth: "glass is a solid thing",
      myth: "glass is a liquid that flows slowly",
      because: "old windows were made uneven",
    },
    {
      about: "what clean air needs",
      truth: "fresh air comes from open windows",
      myth: "one plant cleans the air of a house",
      because: "a plant is far too small for that",
    },
    {
      about: "how much soap a machine needs",
      truth: "a little soap is enough for a machine",
      myth: "more soap always means cleaner clothes",
      because: "too much soap stays in the cloth",
    },
    {
      about: "what makes dust at home",
      truth: "dust comes from cloth and soil and skin",
      myth: "dust is made only of skin",
      because: "most of it comes in with the shoes",
    },
  ],
  hazards: [
    {
      wish: "mix two strong cleaners",
      careless: ["pour both cleaners into one bucket", "lean over the bucket to smell it"],
      careful: ["use one cleaner at a time", "open the windows while you clean"],
      harm: "the gas could hurt your lungs",
    },
    {
      wish: "heat my room with the oven",
      careless: ["leave the oven open all night", "block the air with thick tape"],
      careful: ["wear a warm sweater and close the curtains", "call somebody to repair the heater"],
      harm: "you could breathe bad gas",
    },
    {
      wish: "leave candles burning when I go to bed",
      careless: ["let the candles burn near the curtain", "put the candle on your pillow"],
      careful: ["blow out the candles before you sleep", "use a lamp with a timer"],
      harm: "the curtain could catch fire",
    },
  ],
};
