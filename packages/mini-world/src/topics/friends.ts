// The topic friends, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic friends. */
export const friends: Topic = {
  name: "friends",
  tasks: [
    {
      goal: "say sorry to a friend",
      needs: "a quiet moment",
      steps: ["say what you did wrong", "tell your friend that you are sorry", "ask how you can make it right"],
      mistake: "explain that it was all their fault",
    },
    {
      goal: "plan a birthday party",
      needs: "a date and a guest list",
      steps: ["choose a date that suits all", "invite the guests two weeks before", "bake a cake on the day before"],
      mistake: "keep the date a secret",
    },
    {
      goal: "write a thank you note",
      needs: "a nice card",
      steps: ["name the gift that you got", "say how you will use it", "sign the card with your name"],
      mistake: "send back the gift with a bill",
    },
    {
      goal: "comfort a sad friend",
      needs: "some time and a cup of tea",
      steps: ["listen without giving advice", "ask what would help now", "call again on the next day"],
      mistake: "tell jokes about their problem",
    },
    {
      goal: "choose a good gift",
      needs: "an idea of what they like",
      steps: ["think of what they talk about", "set a price before you shop", "wrap the gift with care"],
      mistake: "give them what you want for yourself",
    },
    {
      goal: "talk to a new neighbor",
      needs: "a friendly smile",
      steps: ["knock on the door with a smile", "tell them your name", "offer some help with the boxes"],
      mistake: "watch them for weeks from the window",
    },
  ],
  facts: [
    {
      about: "what opposites do",
      truth: "people like those who are like them",
      myth: "only opposites attract each other",
      because: "it is easy to agree with them",
    },
    {
      about: "how well people spot a lie",
      truth: "most people are bad at spotting a lie",
      myth: "a liar always looks away",
      because: "nervous people look away as well",
    },
    {
      about: "what venting anger does",
      truth: "hitting a pillow keeps you angry",
      myth: "hitting a pillow takes away your anger",
      because: "the body stays excited",
    },
    {
      about: "who feels lonely",
      truth: "young people feel lonely as well",
      myth: "only old people feel lonely",
      because: "many people hide how they feel",
    },
    {
      about: "what first meetings tell",
      truth: "first impressions are often wrong",
      myth: "first impressions are always right",
      because: "people are nervous when they meet",
    },
  ],
  hazards: [
    {
      wish: "tell the secret of my friend",
      careless: ["tell the secret to the whole class", "write the secret on the wall"],
      careful: ["keep the secret for yourself", "talk to your friend first"],
      harm: "your friend could lose all trust",
    },
    {
      wish: "read the diary of my sister",
      careless: ["open the diary while she is out", "show the best page to your friends"],
      careful: ["ask her how she is doing", "leave the diary where it is"],
      harm: "she could feel very hurt",
    },
    {
      wish: "post a mean photo of a friend",
      careless: ["post the photo for everybody to see", "add a mean joke below the photo"],
      careful: ["delete the photo from your phone", "ask before you post a photo"],
      harm: "your friend could be laughed at",
    },
  ],
};
