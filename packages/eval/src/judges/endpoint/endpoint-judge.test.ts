// Judges at a real server on this machine: the contract's laws, verdicts by form, failures half way, memory and limits
// together.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@dual-head/sampler";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createTestClock,
  exchangeArbitrary,
  judgeLaws,
  startTestEndpoint,
  type TestChatRequest,
  type TestEndpoint,
  type TestReply,
} from "../../testing/index.ts";
import { openCachedJudge } from "../cache/cached-judge.ts";
import type { Comparison, Verdict } from "../judge.ts";
import { withRandomSides } from "../swap/swap.ts";
import { createEndpoint } from "./endpoint.ts";
import { createEndpointJudge } from "./endpoint-judge.ts";
import type { EndpointOptions } from "./settings.ts";
import { oneTokenTemplate } from "./templates/one-token.ts";
import { twoScoresTemplate } from "./templates/two-scores.ts";

const key = "sk-very-secret-0123456789";

function endpointAt({ baseUrl }: Pick<TestEndpoint, "baseUrl">, options: Partial<EndpointOptions> = {}) {
  return createEndpoint({
    baseUrl,
    model: "judge-1",
    environment: { OPENAI_API_KEY: key },
    clock: createTestClock(),
    random: createRandom(1),
    ...options,
  });
}

/** The answers in a prompt of this package, by length: the longer one is better, whichever it is. */
function byLength({ body }: TestChatRequest): TestReply {
  const text = body.messages.at(-1)!.content;
  const lengthIn = (tag: string) => new RegExp(`<${tag}>\n([^]*?)\n</${tag}>`).exec(text)?.[1]?.length ?? 0;
  const [a, b] = [lengthIn("answer_a"), lengthIn("answer_b")];
  if (!text.includes("<answer_a>")) return { content: `It is so long: [[${Math.min(10, 1 + lengthIn("answer"))}]]` };
  return { content: `I compare. [[${a > b ? "A" : b > a ? "B" : "C"}]]` };
}

let server: TestEndpoint;
let root = "";
beforeAll(async () => {
  server = await startTestEndpoint(byLength);
  root = await mkdtemp(join(tmpdir(), "dual-head-endpoint-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const plain = fc.stringMatching(/^[a-z]{0,12}$/);
const comparisons = fc.record({
  conversation: fc.constant([{ role: "human" as const, content: "Which?" }]),
  first: plain,
  second: plain,
});
const laws = { isSymmetric: true, comparisons, exchanges: exchangeArbitrary, runs: 8 };
judgeLaws("a model at an endpoint", () => createEndpointJudge({ endpoint: endpointAt(server) }), laws);
judgeLaws(
  "a model at an endpoint, one at a time, from drawn sides",
  () => withRandomSides(createEndpointJudge({ endpoint: endpointAt(server, { concurrency: 1 }) }), 3),
  laws,
);

const numbered = (count: number): readonly Comparison[] =>
  Array.from({ length: count }, (_, n) => ({
    conversation: [{ role: "human", content: `question ${n}` }],
    first: "one",
    second: "other",
  }));
const numberOf = ({ body }: TestChatRequest) => Number(/question (\d+)/.exec(body.messages.at(-1)!.content)![1]);

describe("createEndpointJudge()", () => {
  it("reads each form", async () => {
    await using forms = await startTestEndpoint(({ body }) =>
      body.logprobs === true
        ? {
            content: "M",
            topLogprobs: [
              { token: "M", logprob: Math.log(0.6) },
              { token: "m", logprob: Math.log(0.2) },
            ],
          }
        : { content: "8 6\nThe first is clearer." },
    );
    const endpoint = endpointAt(forms);
    const judge = (template: typeof oneTokenTemplate) => createEndpointJudge({ endpoint, templates: [template] });
    const [likely] = await judge(oneTokenTemplate).prefer(numbered(1));
    expect(likely).toEqual({ winner: "second", raw: "M", preference: expect.closeTo(1.75, 12) });
    expect(forms.requests[0]!.body).toMatchObject({ max_tokens: 1, temperature: 0, logprobs: true, top_logprobs: 5 });
    const [scored] = await judge(twoScoresTemplate).prefer(numbered(1));
    expect(scored).toEqual({ winner: "first", raw: "8 6\nThe first is clearer.", scores: [8, 6] });
  });

  it("does without likelihoods where the endpoint has none, and asks for them once", async () => {
    await using old = await startTestEndpoint(({ body }) =>
      body.logprobs === undefined
        ? { content: "m" }
        : { status: 400, body: '{"error":{"message":"logprobs are not supported by this model"}}' },
    );
    const endpoint = endpointAt(old);
    const judge = createEndpointJudge({ endpoint, templates: [oneTokenTemplate] });
    expect(await judge.prefer(numbered(3))).toEqual(Array(3).fill({ winner: "first", raw: "m" }));
    expect(old.requests.map(({ body }) => body.logprobs)).toEqual([true, undefined, undefined, undefined]);
  });

  it("counts a text that is filtered as unparsed, or fails, as it is told", async () => {
    await using filtering = await startTestEndpoint((request) =>
      numberOf(request) === 1
        ? { status: 400, body: '{"error":{"message":"filtered: violence","code":"content_filter"}}' }
        : { content: "[[B]]" },
    );
    const endpoint = endpointAt(filtering);
    const verdicts = await createEndpointJudge({ endpoint }).prefer(numbered(3));
    expect(verdicts.map(({ winner }) => winner)).toEqual(["second", "unparsed", "second"]);
    expect(verdicts[1]!.raw).toBe("filtered: violence");
    const strict = createEndpointJudge({ endpoint, filtered: "error" });
    await expect(strict.prefer(numbered(3))).rejects.toMatchObject({ facts: { fault: "content-filter" } });
  });

  it("tells what was under way when another failed, and begins no more", async () => {
    let release = () => {};
    const failed = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using failing = await startTestEndpoint(async (request) => {
      const number = numberOf(request);
      if (number !== 2) await failed;
      return number === 2 ? { status: 404 } : { content: "[[A]]" };
    });
    const told: number[] = [];
    const onSaid = (index: number) => void told.push(index);
    const judge = createEndpointJudge({ endpoint: endpointAt(failing, { concurrency: 3 }) });
    const asked = judge.prefer(numbered(9), { onSaid });
    while (failing.requests.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    release();
    await expect(asked).rejects.toMatchObject({ facts: { fault: "not-found" } });
    expect([...told].sort()).toEqual([0, 1]);
    expect(failing.requests).toHaveLength(3);
  });

  it("ends on a signal half way, with a memory goes on from there, and pays for nothing twice", async () => {
    await using slow = await startTestEndpoint((request) => ({ content: `[[${"ABC"[numberOf(request) % 3]}]]` }));
    const folder = join(root, "memory");
    const ends = new AbortController();
    const heard: Verdict[] = [];
    {
      const endpoint = endpointAt(slow, { concurrency: 2 });
      using judge = await openCachedJudge(createEndpointJudge({ endpoint }), folder);
      const onSaid = (_: number, verdict: Verdict) => {
        heard.push(verdict);
        if (heard.length === 5) ends.abort(new Error("enough"));
      };
      await expect(judge.prefer(numbered(20), { signal: ends.signal, onSaid })).rejects.toThrow("enough");
    }
    const before = slow.requests.length;
    expect(before).toBeLessThanOrEqual(7);
    const endpoint = endpointAt(slow);
    using judge = await openCachedJudge(createEndpointJudge({ endpoint }), folder);
    const verdicts = await judge.prefer(numbered(20));
    expect(verdicts.map(({ raw }) => raw)).toEqual(numbered(20).map((_, n) => `[[${"ABC"[n % 3]}]]`));
    expect([endpoint.spending.counted, judge.counts]).toEqual([15, { found: 5, asked: 15 }]);
    const stored = await readFile(judge.path, "utf8");
    expect(stored).not.toContain(key);
    expect(stored).toContain("judge-1");
  });

  it("stops at the spending limit with what it has", async () => {
    await using paid = await startTestEndpoint(() => ({ content: "[[A]]", usage: { prompt: 500, completion: 100 } }));
    const price = { promptPerMillion: 100, completionPerMillion: 100 };
    const endpoint = endpointAt(paid, { price, spendingLimit: 0.5, concurrency: 2 });
    const told: number[] = [];
    const judge = createEndpointJudge({ endpoint });
    await expect(judge.prefer(numbered(20), { onSaid: (index) => void told.push(index) })).rejects.toMatchObject({
      facts: { fault: "spending-limit" },
    });
    expect(told.length).toBe(paid.requests.length);
    expect(told.length).toBeGreaterThan(0);
    expect(endpoint.spending.cost).toBeLessThanOrEqual(0.5);
  });

  it("has an identity of model, address, templates and temperature", () => {
    const endpoint = endpointAt({ baseUrl: "https://example.test/v1?api-version=secret" });
    const identity = (options = {}) => JSON.stringify(createEndpointJudge({ endpoint, ...options }).identity);
    expect(identity()).toBe(identity());
    expect(identity()).not.toMatch(/secret/);
    const others = [identity({ temperature: 1 }), identity({ templates: [oneTokenTemplate] }), identity({ name: "x" })];
    expect(others.map((each) => each === identity())).toEqual([false, false, true]);
  });
});
