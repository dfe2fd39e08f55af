// Judges slowly with a memory on disk and says aloud what it has heard, to be killed meanwhile.
import { openCachedJudge } from "../judges/cache/cached-judge.ts";
import type { Judge, Verdict } from "../judges/judge.ts";

const [folder = "", count = "0"] = process.argv.slice(2);
const slow: Judge = {
  name: "slow",
  async prefer(comparisons, { onSaid } = {}) {
    const verdicts: Verdict[] = [];
    for (const [index, { first }] of comparisons.entries()) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      process.stdout.write(`asked ${first}\n`);
      verdicts.push({ winner: "first", raw: `${first} is better, which takes ${"many ".repeat(2000)}words` });
      onSaid?.(index, verdicts.at(-1)!);
    }
    return verdicts;
  },
};
using judge = await openCachedJudge(slow, folder);
const comparisons = Array.from({ length: Number(count) }, (_, n) => ({
  conversation: [{ role: "human" as const, content: "which?" }],
  first: String(n),
  second: "other",
}));
await judge.prefer(comparisons, {
  onSaid: (_, { raw }) => void process.stdout.write(`heard ${raw!.split(" ")[0]}\n`),
});
