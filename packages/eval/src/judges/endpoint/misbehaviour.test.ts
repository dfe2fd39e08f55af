// An endpoint that misbehaves at random: whatever comes, verdicts are right or absent, errors are typed, nothing is paid
// for twice once it is on disk, and runs that are repeated come to an end.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { createRandom } from "@dual-head/sampler";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestClock, startTestEndpoint, type TestReply } from "../../testing/index.ts";
import { openCachedJudge } from "../cache/cached-judge.ts";
import { createEndpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint-error.ts";
import { createEndpointJudge } from "./endpoint-judge.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-misbehaviour-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const key = "sk-very-secret-0123456789";
const error = (message: string, code: string) => JSON.stringify({ error: { message, code } });
const faults: readonly TestReply[] = [
  { status: 429 },
  { status: 429, headers: { "retry-after": "3" }, body: error(`slow down ${key}`, "rate") },
  { status: 429, headers: { "retry-after": "86400" } },
  { status: 500, body: "<html>" },
  { status: 503, body: error(`key ${key}`, "down") },
  { breakAfter: 0 },
  { breakAfter: 70 },
  { status: 200, body: "{" },
  { status: 200, body: '{"choices":[]}' },
  { status: 200, body: "<p>Welcome" },
  { status: 200, body: error(`inside ${key}`, "x") },
  { status: 200, body: '{"choices":[{"message":{"content":{}}}]}' },
  { status: 401, body: error(`Incorrect API key: ${key}`, "invalid_api_key") },
  { status: 400, body: error(`bad ${key}`, "x") },
];
const count = 6;
const comparisons = Array.from({ length: count }, (_, n) => ({
  conversation: [{ role: "human" as const, content: `question ${n}` }],
  first: "a",
  second: "b",
}));
const answerTo = (number: number) => `I say [[${"ABC"[number % 3]}]]`;

describe("an endpoint that misbehaves at random", () => {
  it("costs patience only", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(fc.nat(faults.length - 1)), { maxLength: 20 }),
        fc.nat(),
        async (plan, seed) => {
          const sound: number[] = [];
          await using server = await startTestEndpoint(({ earlier, body }) => {
            const fault = plan[earlier] ?? null;
            if (fault !== null) return faults[fault]!;
            const number = Number(/question (\d+)/.exec(body.messages.at(-1)!.content)![1]);
            sound.push(number);
            return { content: answerTo(number) };
          });
          const folder = await mkdtemp(join(root, "run-"));
          let path = "";
          for (let round = 0; ; round++) {
            const before = server.requests.length;
            const endpoint = createEndpoint({
              baseUrl: server.baseUrl,
              model: "judge-1",
              environment: { OPENAI_API_KEY: key },
              clock: createTestClock(),
              random: createRandom(seed),
              concurrency: 3,
              retry: { count: 2 },
              onRetry: (reason) => expect(reason).not.toContain(key),
            });
            using judge = await openCachedJudge(createEndpointJudge({ endpoint }), folder);
            ({ path } = judge);
            const onSaid = (index: number, { raw }: { readonly raw: string | null }) =>
              expect(raw).toBe(answerTo(index));
            const ended = await judge.prefer(comparisons, { onSaid }).catch((reason: unknown) => reason);
            const { counted, uncounted } = endpoint.spending;
            expect(counted + uncounted).toBeLessThanOrEqual(server.requests.length - before);
            expect(server.requests.length - before).toBeLessThanOrEqual(judge.counts.asked * 3);
            if (Array.isArray(ended)) {
              expect(ended.map(({ raw }) => raw)).toEqual(comparisons.map((_, index) => answerTo(index)));
              break;
            }
            expect(ended).toBeInstanceOf(EndpointError);
            expect(inspect(ended, { depth: 9, showHidden: true })).not.toContain("very-secret");
            // Each round that fails has used up a part of the plan.
            expect(round).toBeLessThan(plan.length);
          }
          expect(await readFile(path, "utf8")).not.toContain("very-secret");
          expect(sound.toSorted()).toEqual(comparisons.map((_, index) => index));
        },
      ),
      { seed: 91, numRuns: 12 },
    ));
});
