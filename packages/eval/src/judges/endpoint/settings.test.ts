// Options that are refused say why, and show neither the key nor what else may be secret.
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { EndpointError } from "./endpoint-error.ts";
import { checkSettings, type EndpointOptions } from "./settings.ts";

const key = "sk-very-secret-0123456789";

describe("checkSettings()", () => {
  const base = { baseUrl: "https://example.test/v1?secret=1", model: "m", environment: { OPENAI_API_KEY: key } };
  const cases: readonly [Partial<EndpointOptions>, RegExp][] = [
    [{ baseUrl: "example.test" }, /^Cannot ask m at the endpoint: baseUrl is no address of http or https; give one/],
    [{ baseUrl: "ftp://example.test" }, /no address/],
    [
      { baseUrl: `https://user:${key}@example.test/v1` },
      /^Cannot ask m at https:\/\/example.test\/v1: baseUrl holds a user/,
    ],
    [{ model: "" }, /model is empty/],
    [{ concurrency: 0 }, /concurrency is 0; give an integer of at least 1/],
    [{ concurrency: 1.5 }, /concurrency is 1.5/],
    [{ timeoutSeconds: Number.NaN }, /timeoutSeconds is NaN; give a number/],
    [{ requestsPerMinute: 0 }, /requestsPerMinute is 0/],
    [{ tokensPerMinute: -1 }, /tokensPerMinute is -1/],
    [{ spendingLimit: 1 }, /there is a spendingLimit but no price/],
    [{ price: { promptPerMillion: -1, completionPerMillion: 1 } }, /price.promptPerMillion is -1/],
    [{ retry: { count: -1 } }, /retry.count is -1/],
    [{ environment: {} }, /^Cannot ask m at https:\/\/example.test\/v1: the environment has no OPENAI_API_KEY; set it/],
    [{ environment: { OPENAI_API_KEY: " \n" } }, /the environment has no OPENAI_API_KEY/],
    [{ environment: { OPENAI_API_KEY: `${key}\nmore` } }, /OPENAI_API_KEY holds what no key has/],
    [{ keyVariable: "OTHER", environment: { OTHER: `${key}é` } }, /OTHER holds what no key has/],
  ];
  it.each(cases)("refuses %o", (given, message) => {
    try {
      checkSettings({ ...base, ...given });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(EndpointError);
      expect((error as Error).message).toMatch(message);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/very-secret|secret=1/);
    }
  });
});
