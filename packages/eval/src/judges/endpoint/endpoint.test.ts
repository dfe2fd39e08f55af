// An endpoint that misbehaves in every way known: what is tried again, what is an error that says what to do, what is
// charged; and the key is nowhere.
import { inspect } from "node:util";
import { createRandom } from "@dual-head/sampler";
import { describe, expect, it } from "vitest";
import { createTestClock, startTestEndpoint, type TestReply } from "../../testing/index.ts";
import { type ChatRequest, createEndpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint-error.ts";
import type { EndpointOptions } from "./settings.ts";

const key = "sk-very-secret-0123456789";
const request: ChatRequest = { messages: [{ role: "user", content: "Which?" }], maxTokens: 16, temperature: 0 };
const sound: TestReply = { content: "[[A]]" };

/** Runs against a server whose replies come one after the other, the last for ever. */
async function withReplies<Out>(
  replies: readonly TestReply[],
  body: (run: Run) => Promise<Out>,
  options: Partial<EndpointOptions> & { readonly query?: string } = {},
): Promise<Out> {
  await using server = await startTestEndpoint(({ earlier }) => replies[Math.min(earlier, replies.length - 1)]!);
  const { query = "", ...given } = options;
  const clock = createTestClock();
  const reasons: string[] = [];
  const endpoint = createEndpoint({
    baseUrl: `${server.baseUrl}/${query}`,
    model: "judge-1",
    environment: { OPENAI_API_KEY: key },
    clock,
    random: createRandom(7),
    retry: { count: 2 },
    onRetry: (reason) => reasons.push(reason),
    ...given,
  });
  const result = await body({ server, clock, endpoint, reasons });
  for (const reason of reasons) expect(reason).not.toContain(key);
  return result;
}

interface Run {
  readonly server: Awaited<ReturnType<typeof startTestEndpoint>>;
  readonly clock: ReturnType<typeof createTestClock>;
  readonly endpoint: ReturnType<typeof createEndpoint>;
  readonly reasons: string[];
}

/** The error of a request, which holds no key however it is printed. */
async function errorOf(asked: Promise<unknown>): Promise<EndpointError> {
  const error = await asked.then(
    () => expect.unreachable("it must fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EndpointError);
  for (const text of [inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error), String(error)]) {
    expect(text).not.toContain("very-secret");
  }
  const { message } = error as EndpointError;
  // What was being done, what is; what must be.
  expect(message).toMatch(/^Cannot ask judge-1 at http:\/\/127\.0\.0\.1:\d+\/v1: [^;]+; .+[^.]$/);
  return error as EndpointError;
}

describe("an endpoint that answers", () => {
  it("is sent the request and the key, and counts tokens and cost", () =>
    withReplies(
      [{ content: "[[B]]", topLogprobs: [{ token: "B", logprob: -0.5 }] }],
      async ({ server, endpoint }) => {
        expect(await endpoint.complete({ ...request, topLogprobs: 5 })).toEqual({
          text: "[[B]]",
          finishReason: "stop",
          topLogprobs: [{ token: "B", logprob: -0.5 }],
          usage: { promptTokens: 11, completionTokens: 7 },
        });
        const [asked] = server.requests;
        expect(asked!.url).toBe("/v1/chat/completions?version=2");
        expect(asked!.headers.authorization).toBe(`Bearer ${key}`);
        expect(asked!.body).toEqual({
          model: "judge-1",
          messages: [{ role: "user", content: "Which?" }],
          temperature: 0,
          max_completion_tokens: 16,
          logprobs: true,
          top_logprobs: 5,
          seed: 3,
        });
        expect(endpoint.spending).toEqual({
          counted: 1,
          uncounted: 0,
          promptTokens: 11,
          completionTokens: 7,
          cost: (11 * 2 + 7 * 8) / 1e6,
        });
        expect(JSON.stringify(endpoint.identity)).not.toContain(key);
      },
      {
        query: "?version=2",
        price: { promptPerMillion: 2, completionPerMillion: 8 },
        parameters: { seed: 3 },
        maxTokensName: "max_completion_tokens",
      },
    ));

  it("needs no key where none is named", () =>
    withReplies(
      [sound],
      async ({ server, endpoint }) => {
        await endpoint.complete(request);
        expect(server.requests[0]!.headers.authorization).toBeUndefined();
        expect(endpoint.spending.cost).toBeNull();
      },
      { keyVariable: null, environment: {} },
    ));

  it("may have a key with a line end behind it, as files give it", () =>
    withReplies(
      [sound],
      async ({ server, endpoint }) => {
        await endpoint.complete(request);
        expect(server.requests[0]!.headers.authorization).toBe(`Bearer ${key}`);
      },
      { environment: { OPENAI_API_KEY: `${key}\n` } },
    ));

  it("may leave out what is not needed", () =>
    withReplies(
      [
        { content: null, usage: null },
        { status: 200, body: '{"choices":[{"message":{},"logprobs":{"tokens":[]}}],"usage":"none","more":1}' },
      ],
      async ({ endpoint }) => {
        for (const finishReason of ["stop", null]) {
          const expected = { text: "", finishReason, topLogprobs: null, usage: null };
          expect(await endpoint.complete(request)).toEqual(expected);
        }
        expect(endpoint.spending).toMatchObject({ counted: 0, uncounted: 2, promptTokens: 0 });
      },
    ));

  it("is asked no more at once than it may be", async () => {
    let arrived = 0;
    let release = () => {};
    const three = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using server = await startTestEndpoint(async () => {
      if (++arrived === 3) release();
      await three;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return sound;
    });
    const endpoint = createEndpoint({ baseUrl: server.baseUrl, model: "m", keyVariable: null, concurrency: 3 });
    await Promise.all(Array.from({ length: 11 }, () => endpoint.complete(request)));
    expect([server.requests.length, server.mostAtOnce]).toEqual([11, 3]);
  });
});

const errorBody = (message: string, code?: string) => JSON.stringify({ error: { message, code, type: "x" } });

describe("what may go better next time is tried again", () => {
  const cases: readonly [string, TestReply, "unknown" | "nothing"][] = [
    ["429 without Retry-After", { status: 429, body: errorBody("slow down") }, "nothing"],
    ["500", { status: 500, body: "oops" }, "nothing"],
    ["502 with a web page", { status: 502, headers: { "content-type": "text/html" }, body: "<html>" }, "nothing"],
    ["503", { status: 503 }, "nothing"],
    ["408", { status: 408 }, "nothing"],
    ["a connection that breaks at once", { breakAfter: 0 }, "unknown"],
    ["a connection that breaks half way", { breakAfter: 40 }, "unknown"],
    ["truncated JSON", { status: 200, body: '{"choices":[{"message":{"content":"[[' }, "unknown"],
    ["an empty body", { status: 200 }, "unknown"],
    ["empty choices", { status: 200, body: '{"choices":[]}' }, "unknown"],
  ];
  it.each(cases)("%s", (_, bad, charge) =>
    withReplies([bad, bad, sound], async ({ server, endpoint, clock, reasons }) => {
      expect((await endpoint.complete(request)).text).toBe("[[A]]");
      expect([server.requests.length, reasons.length]).toEqual([3, 2]);
      for (const [index, slept] of clock.slept.entries()) {
        expect(slept).toBeGreaterThanOrEqual(500 * 2 ** index);
        expect(slept).toBeLessThanOrEqual(1000 * 2 ** index);
      }
      expect(endpoint.spending.uncounted).toBe(charge === "unknown" ? 2 : 0);
    }),
  );

  it.each(cases)("and at last given up: %s", (_, bad) =>
    withReplies([bad], async ({ server, endpoint }) => {
      const error = await errorOf(endpoint.complete(request));
      expect([server.requests.length, error.facts.attempts]).toEqual([3, 3]);
      expect(error.message).toContain("(tried 3 times)");
    }),
  );

  it("an endpoint that is not there", async () => {
    const server = await startTestEndpoint(() => sound);
    await server[Symbol.asyncDispose]();
    const clock = createTestClock();
    const environment = { OPENAI_API_KEY: key };
    const options = { baseUrl: server.baseUrl, model: "judge-1", clock, environment, retry: { count: 1 } };
    const endpoint = createEndpoint(options);
    const error = await errorOf(endpoint.complete(request));
    expect(error.facts).toMatchObject({ fault: "unreachable", attempts: 2 });
    expect(error.message).toContain("ECONNREFUSED");
    expect(endpoint.spending.uncounted).toBe(0);
  });

  it.each([-1, 0, 30])("an answer that stops after %i bytes and does not go on", (stallAfter) =>
    withReplies(
      [{ stallAfter }],
      async ({ endpoint }) => {
        const error = await errorOf(endpoint.complete(request));
        expect(error.facts).toMatchObject({ fault: "timeout", attempts: 2 });
        expect(error.message).toMatch(/no whole answer came within 0\.05 s \(tried 2 times\); it must answer sooner/);
        expect(endpoint.spending.uncounted).toBe(2);
      },
      { timeoutSeconds: 0.05, retry: { count: 1 } },
    ),
  );
});

describe("Retry-After", () => {
  const busy = (after: string): TestReply => ({ status: 429, headers: { "retry-after": after } });

  it("is waited for", () =>
    withReplies([busy("20"), sound], async ({ endpoint, clock }) => {
      await endpoint.complete(request);
      expect(clock.now()).toBeGreaterThanOrEqual(20_000);
      expect(clock.now()).toBeLessThanOrEqual(20_500);
    }));

  it("holds back others as well", () =>
    withReplies([busy("20"), sound], async ({ server }) => {
      const sleeps: { readonly milliseconds: number; readonly wake: () => void }[] = [];
      let now = 0;
      const clock = {
        now: () => now,
        sleep: (milliseconds: number) => new Promise<void>((wake) => void sleeps.push({ milliseconds, wake })),
      };
      const endpoint = createEndpoint({ baseUrl: server.baseUrl, model: "m", keyVariable: null, clock });
      const tick = () => new Promise((resolve) => setTimeout(resolve, 1));
      const first = endpoint.complete(request);
      while (sleeps.length < 1) await tick();
      const second = endpoint.complete(request);
      while (sleeps.length < 2 && server.requests.length < 2) await tick();
      expect([server.requests.length, sleeps[1]?.milliseconds]).toEqual([1, 20_000]);
      now = 21_000;
      for (const { wake } of sleeps) wake();
      expect([(await first).text, (await second).text, server.requests.length]).toEqual(["[[A]]", "[[A]]", 3]);
    }));

  it("longer than is ever waited ends it", () =>
    withReplies([busy("3600"), sound], async ({ endpoint, server }) => {
      const error = await errorOf(endpoint.complete(request));
      expect(error.facts).toMatchObject({ fault: "rate-limited", status: 429, retryAfterSeconds: 3600, attempts: 1 });
      expect([server.requests.length, error.message.includes("3600 s of peace")]).toEqual([1, true]);
    }));

  it("that means nothing is passed over", () =>
    withReplies([busy("soon"), sound], async ({ endpoint, clock }) => {
      await endpoint.complete(request);
      expect(clock.now()).toBeLessThanOrEqual(1000);
    }));
});

describe("what cannot go better is an error at once that says what to do", () => {
  const html = { status: 200, headers: { "content-type": "text/html" }, body: "<!doctype html><p>Welcome" };
  const cases: readonly [string, TestReply, EndpointError["facts"]["fault"], RegExp][] = [
    ["a web page", html, "bad-response", /answered with a web page; check the base URL, which usually ends in \/v1/],
    ["wrong schema", { status: 200, body: '{"choices":[{"message":{"content":5}}]}' }, "bad-response", /content/],
    ["no object", { status: 200, body: "[]" }, "bad-response", /must be/],
    [
      "an error with status 200",
      { status: 200, body: errorBody("no such") },
      "bad-response",
      /with an error \(no such\)/,
    ],
    [
      "401",
      { status: 401, body: errorBody(`Incorrect API key: ${key}`) },
      "unauthorised",
      /set OPENAI_API_KEY to a key/,
    ],
    ["403", { status: 403 }, "unauthorised", /refused \(status 403\)/],
    [
      "404",
      { status: 404, body: errorBody("no model") },
      "not-found",
      /\(status 404: no model\); check model and base/,
    ],
    ["400", { status: 400, body: errorBody(`bad ${key} given`) }, "refused", /status 400: bad \[key\] given/],
    ["a content filter", { status: 400, body: errorBody("no", "content_filter") }, "content-filter", /filter refuses/],
    ["a policy", { status: 400, body: errorBody("content_policy_violation") }, "content-filter", /filter refuses/],
    ["an empty account", { status: 429, body: errorBody("pay", "insufficient_quota") }, "quota", /add to it/],
    ["402", { status: 402 }, "quota", /nothing left \(status 402\)/],
    ["a redirect", { status: 307, headers: { location: "http://127.0.0.1/" } }, "bad-response", /sends elsewhere/],
    ["501", { status: 501 }, "unavailable", /it fails \(status 501\)/],
  ];
  it.each(cases)("%s", (_, bad, fault, what) =>
    withReplies([bad, sound], async ({ server, endpoint }) => {
      const error = await errorOf(endpoint.complete(request));
      expect(error.facts.fault).toBe(fault);
      expect(error.message).toMatch(what);
      expect(server.requests).toHaveLength(1);
    }),
  );

  it("a key that is wanted and not named", () =>
    withReplies(
      [{ status: 401 }],
      async ({ endpoint }) => {
        expect((await errorOf(endpoint.complete(request))).message).toMatch(/it wants a key .*; name its variable/);
      },
      { keyVariable: null },
    ));
});

describe("signals", () => {
  const never: TestReply = { stallAfter: 0 };

  it("end a request under way, and those that wait for their turn", () =>
    withReplies(
      [never],
      async ({ server, endpoint }) => {
        const ends = new AbortController();
        const all = Array.from({ length: 4 }, () => endpoint.complete(request, { signal: ends.signal }));
        const settled = Promise.allSettled(all);
        while (server.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
        const reason = new Error("enough");
        ends.abort(reason);
        expect(await settled).toEqual(Array(4).fill({ status: "rejected", reason }));
        expect([server.requests.length, endpoint.spending.uncounted]).toEqual([2, 2]);
      },
      { concurrency: 2 },
    ));

  it("end a wait between tries", () =>
    withReplies([{ status: 500 }], async ({ server, endpoint, clock }) => {
      const ends = new AbortController();
      const reason = new Error("enough");
      const sleeping = { ...clock, sleep: async () => ends.abort(reason) };
      const impatient = createEndpoint({ baseUrl: server.baseUrl, model: "m", keyVariable: null, clock: sleeping });
      await expect(impatient.complete(request, { signal: ends.signal })).rejects.toBe(reason);
      await expect(endpoint.complete(request, { signal: ends.signal })).rejects.toBe(reason);
      expect(server.requests).toHaveLength(1);
    }));

  it("may leave it at the try under way", () =>
    withReplies([{ status: 500 }, sound], async ({ server, endpoint }) => {
      const last = new AbortController();
      const asked = endpoint.complete(request, { lastTry: last.signal });
      last.abort(new Error("others failed"));
      await expect(asked).rejects.toThrow("others failed");
      expect(server.requests).toHaveLength(0);
      const later = new AbortController();
      // A wait that only a signal ends.
      const sleep = (_: number, signal?: AbortSignal) =>
        new Promise<void>((_resolve, reject) => {
          signal!.addEventListener("abort", () => reject(signal!.reason));
        });
      const waiting = createEndpoint({
        baseUrl: server.baseUrl,
        model: "judge-1",
        keyVariable: null,
        clock: { now: () => 0, sleep },
      });
      const failing = waiting.complete(request, { lastTry: later.signal });
      while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      later.abort(new Error("others failed"));
      await expect(failing).rejects.toMatchObject({ facts: { fault: "unavailable", attempts: 1 } });
      expect(server.requests).toHaveLength(1);
    }));
});
