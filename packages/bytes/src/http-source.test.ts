// Ranges over HTTP against a real server on this machine, sound and in every way unsound.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HttpSourceOptions, openHttp } from "./index.ts";
import { byteSourceLaws } from "./testing/index.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, range: readonly [number, number]) => void;

const content = Uint8Array.from({ length: 1009 }, (_, index) => (index * 37) % 251);
/** What each path serves, and how. */
const bodies = new Map<string, Uint8Array>();
const answers = new Map<string, Answer>();
const served = content;
let server: Server;
let origin = "";
let counter = 0;

function serveRange(
  response: ServerResponse,
  [first, last]: readonly [number, number],
  { body = served, headers = {}, status = 206 }: { body?: Uint8Array; headers?: object; status?: number } = {},
): void {
  if (first >= body.length) {
    response.writeHead(416, { "content-range": `bytes */${body.length}` }).end();
    return;
  }
  const end = Math.min(last, body.length - 1);
  const range = { "content-range": `bytes ${first}-${end}/${body.length}`, "content-length": end + 1 - first };
  response.writeHead(status, { ...range, etag: '"1"', ...headers }).end(body.subarray(first, end + 1));
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "")!;
    const range = [Number(match[1]), Number(match[2])] as const;
    const answer = answers.get(request.url!);
    if (answer !== undefined) answer(request, response, range);
    else serveRange(response, range, { body: bodies.get(request.url!)! });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

/** A new path that answers as told. */
function path(answer: Answer): string {
  answers.set(`/${counter}`, answer);
  return `${origin}/${counter++}`;
}

const quick: HttpSourceOptions = { waitMilliseconds: 1 };

byteSourceLaws(
  "openHttp()",
  (bytes) => {
    bodies.set(`/whole${counter}`, bytes);
    return openHttp(`${origin}/whole${counter++}`);
  },
  { numRuns: 60 },
);

describe("openHttp()", () => {
  it("goes on where a connection drops, whatever was sent before (seed 61)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 9 }), async (sizes) => {
        const asked: number[] = [];
        let opened = false;
        let [drops, idle] = [0, 0];
        const url = path((_, response, range) => {
          const size = opened && drops < sizes.length && idle < 3 ? sizes[drops]! : Number.POSITIVE_INFINITY;
          if (!opened || size >= range[1] + 1 - range[0]) return serveRange(response, range);
          asked.push(range[0]);
          drops++;
          idle = size === 0 ? idle + 1 : 0;
          response.writeHead(206, { "content-range": `bytes ${range[0]}-${range[1]}/1009`, "content-length": 1009 });
          // The connection ends only after what was sent has gone out.
          if (size === 0) response.flushHeaders();
          response.write(content.subarray(range[0], range[0] + size), () => response.destroy());
          return undefined;
        });
        const source = await openHttp(url, quick);
        opened = true;
        expect(await source.read(3, 1001)).toEqual(content.slice(3, 1004));
        expect(asked[0]).toBe(3);
        expect(asked).toEqual(asked.toSorted((a, b) => a - b));
        await source.close();
      }),
      { seed: 61, numRuns: 25 },
    );
  });

  it("tries again what may pass, as often as it is told, and no more", async () => {
    for (const status of [408, 429, 500, 503]) {
      let requests = 0;
      const url = path((_, response, range) => {
        requests++;
        if (requests % 3 === 0) serveRange(response, range);
        else response.writeHead(status).end("busy");
      });
      const source = await openHttp(url, quick);
      expect(await source.read(5, 7)).toEqual(content.slice(5, 12));
      await source.close();
      expect(requests).toBe(6);
    }
    let requests = 0;
    const dead = path((_, response) => {
      requests++;
      response.writeHead(503).end();
    });
    await expect(openHttp(dead, { ...quick, attempts: 3 })).rejects.toThrow(/answered 503; 3 attempts in a row failed/);
    expect(requests).toBe(3);
    const closed = openHttp("http://127.0.0.1:1/x", { ...quick, attempts: 2 });
    await expect(closed).rejects.toMatchObject({ name: "FileError", action: "open" });
  });

  const unsound: readonly (readonly [string, Answer, RegExp])[] = [
    ["that ignores ranges", (_, response) => response.end(content), /does not answer ranges/],
    ["without the file", (_, response) => response.writeHead(404).end(), /answered 404/],
    ["that refuses", (_, response) => response.writeHead(401).end(), /answered 401, check the address and the permis/],
    ["that shows no range", (_, response) => response.writeHead(206).end("x"), /content-range not shown/],
    [
      "that answers another range",
      (_, response) => response.writeHead(206, { "content-range": "bytes 1-1/1009" }).end("x"),
      /bytes 0 to 0 were asked for but the answer has content-range bytes 1-1/,
    ],
    [
      "that hides the length",
      (_, response) => response.writeHead(206, { "content-range": "bytes 0-0/*" }).end("x"),
      /does not say how long it is/,
    ],
    [
      "whose length is no number",
      (_, response) => response.writeHead(206, { "content-range": "bytes 0-0/99999999999999999999" }).end("x"),
      /content-range bytes 0-0/,
    ],
    [
      "that compresses",
      (_, response, range) => serveRange(response, range, { headers: { "content-encoding": "br" } }),
      /compresses ranges/,
    ],
  ];
  for (const [label, answer, message] of unsound) {
    it(`refuses a server ${label}`, async () => {
      const opening = openHttp(path(answer), { ...quick, attempts: 1 });
      await expect(opening).rejects.toMatchObject({ name: "FileError", action: "open" });
      await expect(opening).rejects.toThrow(message);
    });
  }

  it("refuses a file that changes, and more bytes than announced", async () => {
    let headers: object = {};
    let body = content;
    const url = path((_, response, range) => serveRange(response, range, { headers, body }));
    const source = await openHttp(url, quick);
    headers = { etag: '"2"' };
    await expect(source.read(0, 5)).rejects.toThrow(/has changed on the server/);
    headers = {};
    body = Uint8Array.from([...content, 1]);
    await expect(source.read(0, 5)).rejects.toThrow(/has changed on the server/);
    body = content;
    expect(await source.read(0, 5)).toEqual(content.slice(0, 5));
    await source.close();

    const generous = await openHttp(
      path((_, response, [first, last]) => {
        response.writeHead(206, { "content-range": `bytes ${first}-${last}/1009` });
        response.end(content.subarray(first, last + 1 + (last - first > 3 ? 2 : 0)));
      }),
      quick,
    );
    expect(await generous.read(0, 2)).toEqual(content.slice(0, 2));
    await expect(generous.read(0, 9)).rejects.toThrow(/sent more than the 9 bytes/);
    await generous.close();
  });

  it("takes shorter ranges than asked for, one after the other", async () => {
    let requests = 0;
    const url = path((_, response, [first, last]) => {
      requests++;
      serveRange(response, [first, Math.min(last, first + 99)]);
    });
    const source = await openHttp(url, quick);
    expect(await source.read(0, 1009)).toEqual(content);
    expect(requests).toBe(12);
    await source.close();
  });

  it("sends its headers, and ends a read that hangs when aborted or closed", async () => {
    let tokens: unknown[] = [];
    let hang = false;
    let reached = (): void => {};
    const url = path((request, response, range) => {
      tokens.push(request.headers.authorization);
      if (!hang) return serveRange(response, range);
      response.writeHead(206, { "content-range": `bytes ${range[0]}-${range[1]}/1009` });
      response.write("x", () => reached());
      return undefined;
    });
    const source = await openHttp(url, { ...quick, headers: { authorization: "Bearer t" } });
    expect(tokens).toEqual(["Bearer t"]);
    hang = true;
    for (const end of ["abort", "close"] as const) {
      const controller = new AbortController();
      const begun = new Promise<void>((resolve) => {
        reached = resolve;
      });
      const reading = source.read(0, 100, controller.signal);
      // Waited for below; until then its rejection is nobody's.
      reading.catch(() => undefined);
      await begun;
      if (end === "abort") controller.abort();
      else await source.close();
      await expect(reading).rejects.toMatchObject({ name: end === "abort" ? "AbortError" : "FileError" });
    }
    tokens = [];
    await expect(openHttp(url, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
    expect(tokens).toEqual([]);
  });

  it("uses the fetch it is given", async () => {
    const asked: unknown[] = [];
    const source = await openHttp("https://example.org/model", {
      fetch: async (input, init) => {
        const { range } = init!.headers as Record<string, string>;
        asked.push(input, range);
        const [first, last] = range!.slice(6).split("-").map(Number) as [number, number];
        return new Response(content.slice(first, last + 1), {
          status: 206,
          headers: { "content-range": `bytes ${first}-${last}/1009` },
        });
      },
    });
    expect(await source.read(1000, 9)).toEqual(content.slice(1000));
    expect(asked).toEqual(["https://example.org/model", "bytes=0-0", "https://example.org/model", "bytes=1000-1008"]);
    await source.close();
  });
});
