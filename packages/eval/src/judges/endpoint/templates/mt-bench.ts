// The published prompts of MT-Bench as templates, from the user's own file. Holds none of their words.
import type { MtBenchJudgePrompt } from "@dual-head/data";
import { JudgeError } from "../../judge-error.ts";
import { checkTemplate, type JudgeTemplate, placesIn } from "./template.ts";

/** What MT-Bench allows its judge. */
const maxTokens = 2048;

/**
 * Turns published prompts into templates, those with references first, so that they are taken where there is one. The
 * number of turns decides by itself, since a prompt shows one turn or two.
 *
 * @param prompts as `readMtBenchJudgePrompts` of `@dual-head/data` reads them
 * @throws JudgeError ("bad-template") where a prompt wants a verdict of another form, or has a strange place
 */
export function mtBenchTemplates(prompts: readonly MtBenchJudgePrompt[]): readonly JudgeTemplate[] {
  const templates = prompts.map(toTemplate);
  for (const template of templates) checkTemplate(template);
  const refers = ({ prompt }: JudgeTemplate) => placesIn(prompt).some((name) => name.startsWith("ref_answer_"));
  return [...templates.filter(refers), ...templates.filter((template) => !refers(template))];
}

function toTemplate({ name, type, systemPrompt, promptTemplate, outputFormat }: MtBenchJudgePrompt): JudgeTemplate {
  const wanted = type === "pairwise" ? "[[A]]" : "[[rating]]";
  if (outputFormat !== wanted) {
    throw new JudgeError(
      name,
      "bad-template",
      `Cannot use the prompt ${name}: its verdicts have the form ${outputFormat}; a ${type} one must have ${wanted}`,
    );
  }
  const prompt = { name, system: systemPrompt === "" ? null : systemPrompt, prompt: promptTemplate, maxTokens };
  return type === "pairwise"
    ? { ...prompt, asks: "pairwise", form: { kind: "letters" } }
    : { ...prompt, asks: "single", form: { kind: "rating", least: 1, most: 10 } };
}
