// An endpoint on this machine for tests: answers as it is told, soundly or not. Knows no client.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as the test sees it. */
export interface TestChatRequest {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The body's JSON. */
  readonly body: {
    readonly model: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly [key: string]: unknown;
  };
  /** Requests before this one. */
  readonly earlier: number;
}

/** An answer, or a misbehaviour. */
export type TestReply =
  | {
      readonly content: string | null;
      readonly finishReason?: string | undefined;
      /** Default: 11 and 7; null leaves them out. */
      readonly usage?: { readonly prompt: number; readonly completion: number } | null | undefined;
      readonly topLogprobs?: readonly { readonly token: string; readonly logprob: number }[] | undefined;
    }
  /** Status, headers and body as they are given. */
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly body?: string | undefined;
    }
  /** The connection breaks after so many bytes of the body. */
  | { readonly breakAfter: number }
  /** So many bytes come, then none, and the connection stays; below 0 not even a head. */
  | { readonly stallAfter: number };

/** A running test endpoint. */
export interface TestEndpoint extends AsyncDisposable {
  readonly baseUrl: string;
  readonly requests: readonly TestChatRequest[];
  /** The most requests that were under way at once. */
  readonly mostAtOnce: number;
}

/** Starts an endpoint on a free port of this machine. */
export async function startTestEndpoint(
  reply: (request: TestChatRequest) => TestReply | Promise<TestReply>,
): Promise<TestEndpoint> {
  const requests: TestChatRequest[] = [];
  let underWay = 0;
  let mostAtOnce = 0;
  const server = createServer(async (incoming, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++underWay);
    response.once("close", () => underWay--);
    let text = "";
    incoming.setEncoding("utf8");
    for await (const chunk of incoming) text += chunk;
    const body = JSON.parse(text);
    const request = { url: incoming.url ?? "", headers: incoming.headers, body, earlier: requests.length };
    requests.push(request);
    send(response, await reply(request));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests,
    get mostAtOnce() {
      return mostAtOnce;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A sound body of a chat completion. */
export function completionBody(reply: Extract<TestReply, { readonly content: string | null }>): string {
  const { content, finishReason = "stop", usage = { prompt: 11, completion: 7 }, topLogprobs } = reply;
  const logprobs = topLogprobs && { content: [{ token: content, top_logprobs: topLogprobs }] };
  return JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: finishReason, logprobs }],
    ...(usage === null ? {} : { usage: { prompt_tokens: usage.prompt, completion_tokens: usage.completion } }),
  });
}

function send(response: ServerResponse, reply: TestReply): void {
  if ("status" in reply) {
    response.writeHead(reply.status, { "content-type": "application/json", ...reply.headers }).end(reply.body ?? "");
    return;
  }
  const body = completionBody("content" in reply ? reply : { content: "[[A]]" });
  if ("content" in reply) {
    response.writeHead(200, { "content-type": "application/json" }).end(body);
    return;
  }
  const size = "breakAfter" in reply ? reply.breakAfter : reply.stallAfter;
  if (size < 0) return;
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.write(body.slice(0, size), () => {
    if ("breakAfter" in reply) response.destroy();
  });
}
