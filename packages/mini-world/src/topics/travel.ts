// The topic travel, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic travel. */
export const travel: Topic = {
  name: "travel",
  tasks: [
    {
      goal: "pack a suitcase",
      needs: "a suitcase and a list of your things",
      steps: ["write a list of your things", "roll the clothes to save space", "put the heavy things at the bottom"],
      mistake: "pack all the heavy things on top of your shirts",
    },
    {
      goal: "book a cheap hotel",
      needs: "the dates of your trip",
      steps: ["compare the prices on several pages", "read what other guests say", "book a room that you can cancel"],
      mistake: "pay for the first hotel you see",
    },
    {
      goal: "sleep on a long flight",
      needs: "a small pillow and a warm sweater",
      steps: ["choose a seat at the window", "turn off your screen early", "cover your eyes with a mask"],
      mistake: "drink three cups of coffee on the plane",
    },
    {
      goal: "find my way in a new city",
      needs: "a map and a charged phone",
      steps: ["save the map on your phone", "learn the name of your street", "look for a tall building as a mark"],
      mistake: "walk until you are too tired to ask",
    },
    {
      goal: "catch an early train",
      needs: "an alarm clock and your ticket",
      steps: ["pack your bag in the evening", "set two alarms for the morning", "be at the platform ten minutes early"],
      mistake: "buy the ticket when the train is leaving",
    },
    {
      goal: "send a postcard home",
      needs: "a postcard and a stamp",
      steps: [
        "write the address on the right side",
        "put the stamp in the upper corner",
        "drop the card into a letter box",
      ],
      mistake: "write your message over the address",
    },
  ],
  facts: [
    {
      about: "which wall can be seen from the moon",
      truth: "no wall can be seen from the moon",
      myth: "the wall of China can be seen from the moon",
      because: "it is long but very narrow",
    },
    {
      about: "which seat of a plane is the coldest",
      truth: "a seat next to a door is often the coldest",
      myth: "the seat in the middle is always the coldest",
      because: "cold air comes in near the doors",
    },
    {
      about: "when flights are cheapest",
      truth: "the price of a flight changes all the time",
      myth: "flights are always cheapest on a Tuesday",
      because: "computers set the price by demand",
    },
    {
      about: "which desert is the largest",
      truth: "the largest desert lies in the south around the pole",
      myth: "the largest desert is full of hot sand",
      because: "a desert is a place with very little rain",
    },
    {
      about: "what a phone does to a plane",
      truth: "a phone does not make a plane fall",
      myth: "one phone can make a plane fall",
      because: "planes are built to stand radio waves",
    },
  ],
  hazards: [
    {
      wish: "swim in the sea at a red flag",
      careless: ["jump into the waves at the red flag", "swim far out where nobody sees you"],
      careful: ["wait until the flag is green", "stay where the lifeguard can see you"],
      harm: "the current could pull you out",
    },
    {
      wish: "drive all night without sleep",
      careless: ["drive on with the windows open", "turn up the music to stay awake"],
      careful: ["stop at a safe place and sleep", "change drivers every two hours"],
      harm: "you could fall asleep at the wheel",
    },
    {
      wish: "drink water from a river on my trip",
      careless: ["drink straight from the dirty river", "share the river water with the children"],
      careful: ["boil the water before you drink it", "buy water in a closed bottle"],
      harm: "the water could make you ill for days",
    },
  ],
};
