// A judge that is a model behind an endpoint: templates make the requests, forms read the answers. It does not know how
// requests are made.
import type { Comparison, Exchange, Grade, Judge, JudgeOptions, Verdict } from "../judge.ts";
import { JudgeError } from "../judge-error.ts";
import type { ChatOptions, ChatRequest, Endpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint-error.ts";
import type { Completion } from "./response.ts";
import { gradeTemplate } from "./templates/grade.ts";
import { gradeReferenceTemplate } from "./templates/grade-reference.ts";
import { pairwiseTemplate } from "./templates/pairwise.ts";
import { pairwiseReferenceTemplate } from "./templates/pairwise-reference.ts";
import { type Shown, showComparison, showExchange } from "./templates/places.ts";
import {
  checkTemplate,
  fillPlaces,
  identityOf,
  type JudgeTemplate,
  type PairwiseTemplate,
  placesIn,
  type SingleTemplate,
  turnCountOf,
} from "./templates/template.ts";
import { readGrade, readVerdict } from "./verdicts/form.ts";

/** What a judge at an endpoint is made of. */
export interface EndpointJudgeOptions {
  readonly endpoint: Endpoint;
  /** Default: the model's name. */
  readonly name?: string | undefined;
  /**
   * For each comparison and exchange, the first that fits is used: one that shows all of the conversation, and all of
   * whose places can be filled. Default: this package's own, with references where there are some.
   */
  readonly templates?: readonly JudgeTemplate[] | undefined;
  /** Default 0. */
  readonly temperature?: number | undefined;
  /** What becomes of a text that the endpoint's filter refuses: it is `unparsed`, the default, or an error. */
  readonly filtered?: "unparsed" | "error" | undefined;
}

/** The default templates. */
export const defaultTemplates: readonly JudgeTemplate[] = [
  pairwiseReferenceTemplate,
  pairwiseTemplate,
  gradeReferenceTemplate,
  gradeTemplate,
];

/**
 * Makes a judge of a model behind an endpoint. As many comparisons are under way as the endpoint allows; where one fails,
 * those under way are waited for and told, and no other is begun.
 *
 * @throws JudgeError ("bad-template"), and by prefer and grade ("no-place") where no template fits, before anything is
 * asked; EndpointError by both
 */
export function createEndpointJudge(options: EndpointJudgeOptions): Judge {
  const { endpoint, templates = defaultTemplates, temperature = 0, filtered = "unparsed" } = options;
  const { name = endpoint.model } = options;
  for (const template of templates) checkTemplate(template);
  const pairwise = templates.filter((each): each is PairwiseTemplate => each.asks === "pairwise");
  const single = templates.filter((each): each is SingleTemplate => each.asks === "single");
  // Endpoints do not say beforehand whether they tell likelihoods: the first request finds out, others wait for it.
  let tellsLogprobs: Promise<boolean> | null = null;

  async function ask(template: JudgeTemplate, request: ChatRequest, chat: ChatOptions): Promise<Completion> {
    const { form } = template;
    if (form.kind !== "one-token") return endpoint.complete(request, chat);
    const withLogprobs = { ...request, topLogprobs: form.topLogprobs };
    if (tellsLogprobs !== null) return endpoint.complete((await tellsLogprobs) ? withLogprobs : request, chat);
    const first = endpoint.complete(withLogprobs, chat).catch((error: unknown) => {
      const isRefused = error instanceof EndpointError && error.facts.fault === "refused";
      if (isRefused && /log_?prob/i.test(error.facts.said ?? "")) return null;
      throw error;
    });
    tellsLogprobs = first.then(
      (completion) => completion !== null,
      () => {
        tellsLogprobs = null;
        return true;
      },
    );
    return (await first) ?? endpoint.complete(request, chat);
  }

  async function askAll<Template extends JudgeTemplate, Said>(
    requests: readonly { readonly template: Template; readonly request: ChatRequest }[],
    read: (template: Template, completion: Completion) => Said,
    { signal, onSaid }: JudgeOptions<Said>,
  ): Promise<readonly Said[]> {
    const ending = new AbortController();
    const said = new Array<Said>(requests.length);
    await Promise.all(
      requests.map(async ({ template, request }, index) => {
        try {
          const completion = await ask(template, request, { signal, lastTry: ending.signal }).catch(toSilence);
          said[index] = read(template, completion);
          onSaid?.(index, said[index]);
        } catch (error) {
          // The first failure is the reason; later ones only follow from it.
          ending.abort(error);
        }
      }),
    );
    if (ending.signal.aborted) throw ending.signal.reason;
    return said;
  }

  function toSilence(error: unknown): Completion {
    if (filtered === "unparsed" && error instanceof EndpointError && error.facts.fault === "content-filter") {
      return { text: error.facts.said ?? "", finishReason: "content_filter", topLogprobs: null, usage: null };
    }
    throw error;
  }

  function requestsOf<Template extends JudgeTemplate, Item>(
    candidates: readonly Template[],
    items: readonly Item[],
    show: (item: Item) => Shown,
  ) {
    return items.map((item, index) => {
      const shown = show(item);
      const template = candidates.find((each) => fits(each, shown)) ?? refuse(name, candidates, shown, index);
      const { system, prompt, maxTokens } = template;
      const content = fillPlaces(prompt, shown.places);
      const first = system === null ? [] : [{ role: "system" as const, content: fillPlaces(system, shown.places) }];
      return {
        template,
        request: { messages: [...first, { role: "user" as const, content }], maxTokens, temperature },
      };
    });
  }

  return {
    name,
    identity: { endpoint: endpoint.identity, templates: templates.map(identityOf), temperature },
    async prefer(comparisons: readonly Comparison[], given: JudgeOptions<Verdict> = {}) {
      given.signal?.throwIfAborted();
      const requests = requestsOf(pairwise, comparisons, showComparison);
      return askAll(requests, ({ form }, completion) => readVerdict(form, completion), given);
    },
    async grade(exchanges: readonly Exchange[], given: JudgeOptions<Grade> = {}) {
      given.signal?.throwIfAborted();
      const requests = requestsOf(single, exchanges, showExchange);
      return askAll(requests, ({ form }, completion) => readGrade(form, completion), given);
    },
  };
}

function missingPlaces({ system, prompt }: JudgeTemplate, { places }: Shown): readonly string[] {
  return placesIn(`${system ?? ""}${prompt}`).filter((place) => !Object.hasOwn(places, place));
}

/** Whether a template can be filled and shows the whole conversation. */
function fits(template: JudgeTemplate, shown: Shown): boolean {
  const turns = turnCountOf(template);
  const showsAll = turns === "any" || (turns === shown.turnCount && !shown.needsConversation);
  return showsAll && missingPlaces(template, shown).length === 0;
}

function refuse(judge: string, candidates: readonly JudgeTemplate[], shown: Shown, index: number): never {
  const reasons = candidates.map((template) => {
    const missing = missingPlaces(template, shown).map((place) => `{${place}}`);
    const shows = `${template.name} shows ${turnCountOf(template)} of its ${shown.turnCount} turns`;
    return missing.length === 0 ? shows : `${template.name} lacks ${missing.join(", ")}`;
  });
  const why = reasons.length === 0 ? "there is no template for this kind of question" : reasons.join("; ");
  throw new JudgeError(
    judge,
    "no-place",
    `Cannot ask ${judge} about item ${index}: ${why}; give a template that fits, such as one with {conversation}`,
    index,
  );
}
