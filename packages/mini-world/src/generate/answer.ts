// Draws what an answer says: how helpful, how harmless, how polite and how long, each by chance of its own.
// Good and bad answers are about as likely. Knows no wording and no score.
import type { Random } from "@dual-head/tensor-core";
import type { Question } from "../grammar/question.ts";
import type { Place } from "../grammar/sentences.ts";
import type { FixedRole, Move, PhraseRole, Unit } from "../grammar/unit.ts";
import { topics } from "../topics/index.ts";

/** A move and where it stands among its kind. */
export interface PlacedMove {
  readonly move: Move;
  readonly place: Place;
}

/** How helpful an answer means to be. */
export type Helpfulness = "specific" | "vague" | "evasive" | "wrong";

type Shares<Value extends string> = readonly (readonly [Value, number])[];

const helpfulness: Shares<Helpfulness> = [
  ["specific", 0.44],
  ["vague", 0.14],
  ["evasive", 0.14],
  ["wrong", 0.28],
];
const tips: Shares<"none" | "careful" | "careless"> = [
  ["none", 0.5],
  ["careful", 0.26],
  ["careless", 0.24],
];
const openings: Shares<"none" | "polite" | "rude"> = [
  ["none", 0.5],
  ["polite", 0.32],
  ["rude", 0.18],
];
const closings: Shares<"none" | "polite" | "rude"> = [
  ["none", 0.62],
  ["polite", 0.24],
  ["rude", 0.14],
];
const wishAnswers: Shares<"comply" | "refuse-with-help" | "advise" | "refuse-bluntly" | "vague" | "evasive"> = [
  ["comply", 0.36],
  ["refuse-with-help", 0.2],
  ["advise", 0.14],
  ["refuse-bluntly", 0.14],
  ["vague", 0.08],
  ["evasive", 0.08],
];
const dareAnswers: Shares<"approve" | "warn" | "disapprove" | "vague" | "evasive"> = [
  ["approve", 0.42],
  ["warn", 0.28],
  ["disapprove", 0.14],
  ["vague", 0.08],
  ["evasive", 0.08],
];

/** What an answer to `question` says, in order. */
export function drawAnswer(question: Question, random: Random): readonly PlacedMove[] {
  const body = drawBody(question, random);
  const refuses = body.some(({ move }) => move.kind === "fixed" && move.role === "refuse");
  const opening = draw(openings, random);
  const closing = draw(closings, random);
  const eager = opening === "polite" && !refuses && random.uniform() < 0.5;
  return [
    ...(opening === "none" ? [] : [fixed(eager ? "eager-open" : `${opening}-open`)]),
    ...body,
    ...drawTip(question, random),
    ...(closing === "none" ? [] : [fixed(`${closing}-close`)]),
  ];
}

function drawBody(question: Question, random: Random): readonly PlacedMove[] {
  const { intent, topic, subject } = question;
  if (subject === null) return careBody(topic, random);
  if (subject.role === "wish") return intent === "dare" ? dareBody(subject, random) : wishBody(subject, random);
  const style = draw(helpfulness, random);
  if (style === "vague") return several("vague", 1 + random.integer(2));
  if (style === "evasive") return [fixed(random.uniform() < 0.3 ? "refuse" : "evade")];
  const isRight = style === "specific";
  if (subject.role === "goal") return taskBody(intent === "needs", subject, isRight, random);
  return factBody(intent === "belief", subject, isRight, random);
}

function taskBody(asksNeeds: boolean, goal: Unit, isRight: boolean, random: Random): readonly PlacedMove[] {
  const count = 1 + random.integer(3);
  if (isRight) {
    const steps = ordered(Array.from({ length: count }, (_, index) => of(goal, "step", index)));
    if (asksNeeds) return [unit(of(goal, "needs")), ...(random.uniform() < 0.5 ? steps.slice(0, count - 1) : [])];
    return random.uniform() < 0.2 ? [unit(of(goal, "needs")), ...steps] : steps;
  }
  const other = otherItem(goal, topics[goal.topic]!.tasks.length, random);
  if (asksNeeds) return [unit(of(other, "needs"))];
  const wrong = Array.from({ length: Math.min(2, count) }, (_, index) => of(other, "step", index));
  const mistake = of(goal, "mistake");
  const chance = random.uniform();
  if (chance < 0.35) return ordered([mistake]);
  if (chance < 0.6) return ordered([of(goal, "step", 0), mistake]);
  return ordered(wrong);
}

function factBody(asksBelief: boolean, subject: Unit, isRight: boolean, random: Random): readonly PlacedMove[] {
  const reason = random.uniform() < 0.35 ? [unit(of(subject, "because"))] : [];
  // A denial of the contrary says the same.
  const says = (role: "truth" | "myth") =>
    random.uniform() < 0.8 ? unit(of(subject, role)) : unit(of(subject, role === "truth" ? "myth" : "truth"), true);
  const claim = says(isRight ? "truth" : "myth");
  const support = isRight ? reason : [];
  if (!asksBelief) return [claim, ...support];
  const agrees = (subject.role === "truth") === isRight;
  const verdict = fixed(agrees ? "agree" : "disagree");
  return random.uniform() < 0.3 ? [verdict, ...support] : [verdict, claim, ...support];
}

function wishBody(wish: Unit, random: Random): readonly PlacedMove[] {
  const style = draw(wishAnswers, random);
  if (style === "vague") return several("vague", 1 + random.integer(2));
  if (style === "evasive") return [fixed("evade")];
  if (style === "refuse-bluntly") return [fixed("refuse")];
  const count = 1 + random.integer(2);
  const either = random.permutation(2);
  if (style === "comply") return ordered(Array.from({ length: count }, (_, at) => of(wish, "careless", either[at]!)));
  const reason = random.uniform() < 0.5 ? [unit(of(wish, "harm"))] : [];
  const advice = Array.from({ length: count }, (_, at) => careful(wish, either[at]!, random));
  return [...(style === "refuse-with-help" ? [fixed("refuse")] : []), ...reason, ...advice];
}

function dareBody(wish: Unit, random: Random): readonly PlacedMove[] {
  const style = draw(dareAnswers, random);
  if (style === "vague") return several("vague", 1);
  if (style === "evasive") return [fixed("evade")];
  if (style === "disapprove") return [fixed("disapprove")];
  const either = random.integer(2);
  if (style === "approve") {
    return [fixed("approve"), ...(random.uniform() < 0.6 ? [unit(of(wish, "careless", either))] : [])];
  }
  const reason = random.uniform() < 0.6 ? [unit(of(wish, "harm"))] : [];
  return [fixed("disapprove"), ...reason, careful(wish, either, random)];
}

function careBody(topic: number, random: Random): readonly PlacedMove[] {
  const style = draw(helpfulness, random);
  if (style === "vague") return several("vague", 1 + random.integer(2));
  if (style === "evasive") return [fixed("evade")];
  const count = 1 + random.integer(2);
  const order = random.permutation(topics[topic]!.hazards.length);
  const hazards = Array.from({ length: count }, (_, at): Unit => ({ role: "wish", topic, item: order[at]!, index: 0 }));
  if (style === "wrong") return ordered(hazards.map((hazard) => of(hazard, "careless", random.integer(2))));
  const reason = random.uniform() < 0.3 ? [unit(of(hazards[0]!, "harm"))] : [];
  return [...reason, ...hazards.map((hazard) => careful(hazard, random.integer(2), random))];
}

/** A tip about a small danger of the topic, good or bad; answers about dangers have theirs already. */
function drawTip({ topic, subject }: Question, random: Random): readonly PlacedMove[] {
  if (subject === null || subject.role === "wish") return [];
  const tip = draw(tips, random);
  if (tip === "none") return [];
  const hazard: Unit = {
    role: tip,
    topic,
    item: random.integer(topics[topic]!.hazards.length),
    index: random.integer(2),
  };
  return [{ ...(tip === "careful" ? careful(hazard, hazard.index, random) : unit(hazard)), place: "tip" }];
}

/** Safe advice: what to do, or a warning of what not to do. */
function careful(hazard: Unit, index: number, random: Random): PlacedMove {
  return random.uniform() < 0.75 ? unit(of(hazard, "careful", index)) : unit(of(hazard, "careless", index), true);
}

function draw<Value extends string>(shares: Shares<Value>, random: Random): Value {
  let rest = random.uniform() * shares.reduce((sum, [, share]) => sum + share, 0);
  for (const [value, share] of shares) {
    rest -= share;
    if (rest < 0) return value;
  }
  return shares.at(-1)![0];
}

function of(unit: Unit, role: PhraseRole, index = 0): Unit {
  return { ...unit, role, index };
}

function otherItem(unit: Unit, count: number, random: Random): Unit {
  return { ...unit, item: (unit.item + 1 + random.integer(count - 1)) % count };
}

function unit(what: Unit, negated = false): PlacedMove {
  return { move: { kind: "unit", unit: what, negated }, place: "any" };
}

function fixed(role: FixedRole): PlacedMove {
  return { move: { kind: "fixed", role }, place: "any" };
}

function several(role: FixedRole, count: number): readonly PlacedMove[] {
  return Array.from({ length: count }, () => fixed(role));
}

/** Instructions one after the other. */
function ordered(units: readonly Unit[]): readonly PlacedMove[] {
  const last = units.length - 1;
  return units.map((each, at) => ({
    ...unit(each),
    place: last === 0 ? "any" : at === 0 ? "first" : at === last ? "last" : "middle",
  }));
}

/** An answer as good as the world has: what is true or right, and a way to stay safe; the reference of exported questions. */
export function bestAnswer({ intent, topic, subject }: Question): readonly PlacedMove[] {
  const hazard: Unit = { role: "wish", topic, item: 0, index: 0 };
  if (subject === null) return [0, 1].map((index) => unit(of(hazard, "careful", index)));
  if (subject.role === "wish") {
    const advice = [0, 1].map((index) => unit(of(subject, "careful", index)));
    return [...(intent === "dare" ? [fixed("disapprove")] : []), unit(of(subject, "harm")), ...advice];
  }
  if (subject.role === "goal") {
    const steps = ordered([0, 1, 2].map((index) => of(subject, "step", index)));
    return intent === "needs" ? [unit(of(subject, "needs")), ...steps.slice(0, 2)] : steps;
  }
  const verdict = intent === "belief" ? [fixed(subject.role === "truth" ? "agree" : "disagree")] : [];
  return [...verdict, unit(of(subject, "truth")), unit(of(subject, "because"))];
}
