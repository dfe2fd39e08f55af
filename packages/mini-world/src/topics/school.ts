// The topic school, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic school. */
export const school: Topic = {
  name: "school",
  tasks: [
    {
      goal: "learn new words",
      needs: "small cards and a pen",
      steps: ["write each word on a card", "say the words out loud", "repeat them after two days"],
      mistake: "read the list once at midnight",
    },
    {
      goal: "write a short essay",
      needs: "a clear question",
      steps: ["collect your ideas on paper", "write one idea in each part", "read it again the next day"],
      mistake: "copy the first page you find",
    },
    {
      goal: "prepare for a math test",
      needs: "old tasks and a clean sheet",
      steps: ["solve the old tasks again", "note the rules on one page", "explain a task to a friend"],
      mistake: "learn the answers by their color",
    },
    {
      goal: "give a talk in class",
      needs: "three cards with notes",
      steps: ["practice in front of a mirror", "look at the people and smile", "speak slowly and clearly"],
      mistake: "read the whole talk with your back to them",
    },
    {
      goal: "make friends at a new school",
      needs: "a little courage",
      steps: ["ask somebody about their day", "join a club that you like", "share your lunch with others"],
      mistake: "wait in the corner with a book on your face",
    },
    {
      goal: "remember my homework",
      needs: "a small notebook",
      steps: ["write it down in the class", "check the book in the afternoon", "pack the bag before dinner"],
      mistake: "trust that a teacher forgets it",
    },
  ],
  facts: [
    {
      about: "how people learn best",
      truth: "people learn best when they test themselves",
      myth: "people learn best when they only read",
      because: "the brain keeps what it has to find",
    },
    {
      about: "what old scholars thought about the earth",
      truth: "old scholars knew that the earth is round",
      myth: "old scholars believed that the earth is flat",
      because: "they saw its round shadow on the moon",
    },
    {
      about: "how good Einstein was at math as a child",
      truth: "Einstein was good at math as a child",
      myth: "Einstein failed at math as a child",
      because: "his old school papers still exist",
    },
    {
      about: "where lightning strikes",
      truth: "lightning can strike one place twice",
      myth: "lightning never strikes one place twice",
      because: "tall towers are hit every year",
    },
    {
      about: "what listening to loud music does for learning",
      truth: "loud music makes it harder to learn",
      myth: "loud music makes you smarter",
      because: "the mind can follow only one thing",
    },
  ],
  hazards: [
    {
      wish: "cheat in a test without being seen",
      careless: ["write the answers on your arm", "copy from the girl in front of you"],
      careful: ["study a little every day", "ask the teacher for extra time"],
      harm: "you could be sent out of the school",
    },
    {
      wish: "make a boy in my class cry",
      careless: ["laugh at his shoes in front of all", "tell everybody not to talk to him"],
      careful: ["tell him calmly what made you angry", "ask a teacher to help you talk"],
      harm: "he could be hurt for a long time",
    },
    {
      wish: "stay awake all night before a test",
      careless: ["study until the sun comes up", "take many strong energy drinks"],
      careful: ["sleep for eight hours before the test", "stop studying after dinner"],
      harm: "you could forget what you know",
    },
  ],
};
