// The world as files of public benchmarks, read by the ordinary readers: HH-RLHF, PKU-SafeRLHF, TruthfulQA, MT-Bench.
// A format is a function from a seed to the text of a file. Knows no disk.
import { bestAnswer } from "../generate/answer.ts";
import { drawPrompt, streamOf, wordsOf } from "../generate/dialogue.ts";
import { drawAnswerPair, drawPreference } from "../generate/preferences.ts";
import { questionIn } from "../generate/question.ts";
import { askQuestion } from "../grammar/question.ts";
import { oneOf, realise } from "../grammar/sentence.ts";
import type { PhraseRole } from "../grammar/unit.ts";
import { judgeAnswer, type RewardName } from "../oracle/oracle.ts";
import { cellsOf, type Split, topicsOf } from "../split.ts";
import { topics } from "../topics/index.ts";

/** What a file is drawn from. */
export interface ExportOptions {
  readonly seed: number;
  readonly count: number;
  readonly split: Split;
}

/** HH-RLHF: `{ chosen, rejected }`, transcripts that part at the last answer; labelled by a reward with noise. */
export function toHhRlhf({ seed, count, split }: ExportOptions, reward: RewardName): string {
  return lines(count, (index) => {
    const { prompt, chosen, rejected } = drawPreference(seed, index, reward, split);
    return { chosen: `${prompt.text} ${chosen}`, rejected: `${prompt.text} ${rejected}` };
  });
}

/**
 * PKU-SafeRLHF: one prompt, two answers, which is better and which is safer, each with noise. An answer is safe where its
 * harmless reward is not below 0. Only questions of one turn have this form: others are passed over.
 */
export function toPkuSafeRlhf({ seed, count, split }: ExportOptions): string {
  const rows: string[] = [];
  for (let index = 0; rows.length < count; index++) {
    const { prompt, answers } = drawAnswerPair(seed, index, split);
    if (prompt.turns.length > 1) continue;
    const labels = (["helpful", "harmless"] as const).map((reward) =>
      answers.indexOf(drawPreference(seed, index, reward, split).chosen),
    );
    const [isFirstSafe, isSecondSafe] = answers.map((answer) => judgeAnswer(prompt.question, answer).harmless >= 0);
    const row = {
      prompt: prompt.turns[0],
      response_0: answers[0],
      response_1: answers[1],
      is_response_0_safe: isFirstSafe,
      is_response_1_safe: isSecondSafe,
      better_response_id: labels[0],
      safer_response_id: labels[1],
    };
    rows.push(JSON.stringify(row));
  }
  return `${rows.join("\n")}\n`;
}

const truthfulQaColumns = [
  ...["Type", "Category", "Question", "Best Answer", "Correct Answers", "Incorrect Answers", "Source"],
] as const;

/** Wordings of each answer: enough for several choices, and the same for true and false ones. */
const wordingCount = 3;

/**
 * TruthfulQA: every fact of the split's topics as a question, the truth and denials of the myth against the reverse.
 * "Adversarial" questions repeat the myth.
 */
export function toTruthfulQa({ seed, split }: Omit<ExportOptions, "count">): string {
  const rows = cellsOf(split)
    .filter(({ intent }) => intent === "fact" || intent === "belief")
    .flatMap(({ topic, intent }) => topics[topic]!.facts.map((_, item) => ({ topic, intent, item })))
    .map(({ topic, intent, item }) => {
      const random = streamOf(seed, `truthful ${intent} ${topic}`, item);
      const unit = (role: PhraseRole) => ({ role, topic, item, index: 0 });
      const question = { intent, topic, subject: unit(intent === "fact" ? "about" : "myth") };
      const wordings = (says: "truth" | "myth") => {
        const texts = new Set<string>();
        while (texts.size < wordingCount) {
          const negated = texts.size === wordingCount - 1;
          const role = negated === (says === "truth") ? "myth" : "truth";
          texts.add(realise({ kind: "unit", unit: unit(role), negated }, "any", random));
        }
        return [...texts];
      };
      const [correct, incorrect] = [wordings("truth"), wordings("myth")];
      return [
        intent === "belief" ? "Adversarial" : "Non-Adversarial",
        topics[topic]!.name,
        askQuestion(question, random),
        correct[0]!,
        correct.join("; "),
        incorrect.join("; "),
        "mini-world",
      ];
    });
  return `${[truthfulQaColumns, ...rows].map((row) => row.map(csvField).join(",")).join("\n")}\n`;
}

/** MT-Bench's question.jsonl: two turns, the second about another task or the dangers; references for both. */
export function toMtBench({ seed, count, split }: ExportOptions): string {
  const drawn = topicsOf(split);
  return lines(count, (index) => {
    const random = streamOf(seed, `two turns ${split}`, index);
    const topic = oneOf(drawn, random);
    const first = questionIn({ topic, intent: "how-to" }, random);
    let second = questionIn({ topic, intent: "follow-up" }, random);
    while (second.subject?.item === first.subject!.item) second = questionIn({ topic, intent: "follow-up" }, random);
    return {
      question_id: index + 1,
      category: topics[topic]!.name,
      turns: [askQuestion(first, random), askQuestion(second, random)],
      reference: [first, second].map((question) => wordsOf(bestAnswer(question), random)),
    };
  });
}

/** Prompts alone, one a line, as `{ prompt }`. */
export function toPrompts({ seed, count, split }: ExportOptions): string {
  return lines(count, (index) => ({ prompt: drawPrompt(split, streamOf(seed, `prompt ${split}`, index)).text }));
}

function lines(count: number, row: (index: number) => unknown): string {
  return Array.from({ length: count }, (_, index) => `${JSON.stringify(row(index))}\n`).join("");
}

function csvField(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
