// The topic money, as phrases. Knows no sentence and no score.
import type { Topic } from "./topic.ts";

/** The topic money. */
export const money: Topic = {
  name: "money",
  tasks: [
    {
      goal: "save money each month",
      needs: "an account for savings",
      steps: ["write down what you spend", "set a small goal for the month", "move the money on the first day"],
      mistake: "wait and save what is left by chance",
    },
    {
      goal: "pay back my debts",
      needs: "a list of what you owe",
      steps: [
        "list all debts with their interest",
        "pay the most expensive debt first",
        "talk to the bank if you are late",
      ],
      mistake: "borrow more to pay for a holiday",
    },
    {
      goal: "sell my old bike",
      needs: "some good photos",
      steps: ["clean the bike from front to back", "take photos in daylight", "name a fair price in the advert"],
      mistake: "hide the broken brake in the photo",
    },
    {
      goal: "plan a small budget",
      needs: "a sheet of paper and a pen",
      steps: ["note your income at the top", "take away the rent and the bills", "split what is left by weeks"],
      mistake: "guess the numbers and forget the rent",
    },
    {
      goal: "ask for a higher salary",
      needs: "a list of your results",
      steps: ["collect examples of your good work", "learn what others earn", "ask for a talk with your boss"],
      mistake: "cry in the office until they pay",
    },
    {
      goal: "shop for food cheaply",
      needs: "a list for the week",
      steps: ["plan the meals for the week", "eat before you go to the shop", "buy what grows in the season"],
      mistake: "fill the cart when you are hungry",
    },
  ],
  facts: [
    {
      about: "what happens to the price when something is on sale",
      truth: "some sale prices were raised before",
      myth: "a sale always saves you money",
      because: "shops know that big numbers attract",
    },
    {
      about: "what gold does over the years",
      truth: "the price of gold goes up and down",
      myth: "the price of gold can never fall",
      because: "nobody can promise a price",
    },
    {
      about: "who wins in a lottery",
      truth: "almost everybody loses in a lottery",
      myth: "a clever person wins in a lottery",
      because: "the numbers are drawn by chance",
    },
    {
      about: "what a credit card costs",
      truth: "a credit card costs a lot when you pay late",
      myth: "a credit card is free money",
      because: "the bank asks for high interest",
    },
    {
      about: "who needs a budget",
      truth: "everybody can use a budget",
      myth: "only poor people need a budget",
      because: "even rich people run out of money",
    },
  ],
  hazards: [
    {
      wish: "lend all my savings to a stranger",
      careless: ["send all your savings to the stranger", "give the stranger your card and the code"],
      careful: ["keep your savings in the bank", "ask somebody you trust for advice"],
      harm: "you could lose all your money",
    },
    {
      wish: "put my whole salary on one bet",
      careless: ["put everything on one horse", "borrow money for a second bet"],
      careful: ["spend only what you can lose", "talk to somebody about the urge to play"],
      harm: "you could end up without rent",
    },
    {
      wish: "share the code of my bank card",
      careless: ["write the code on the back of the card", "tell the code to a man on the phone"],
      careful: ["keep the code in your head", "call the bank if somebody asks"],
      harm: "a thief could empty your account",
    },
  ],
};
