// Chats: published renderings of eleven templates, the transcript form, one beginning of text, no injected control.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ChatMessage,
  chatPrompt,
  createTokenizer,
  encodeChat,
  parseTokenizerConfig,
  TokenizerError,
} from "./index.ts";
import { tinyTokenizerJson } from "./testing/index.ts";

const parity = sharedAsset("hf_parity");

/** Beginning and end tokens of the templates that print them. */
const tokens: Readonly<Record<string, readonly [string, string]>> = {
  llama2: ["<s>", "</s>"],
  llama3: ["<|begin_of_text|>", "<|eot_id|>"],
  zephyr: ["<s>", "</s>"],
  gemma: ["<bos>", "<eos>"],
  phi3: ["<s>", "<|endoftext|>"],
  mistral: ["<s>", "</s>"],
  deepseek: ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"],
  phi4mini: ["<|endoftext|>", "<|endoftext|>"],
};

interface TemplateCase {
  readonly messages: readonly ChatMessage[];
  readonly add_generation_prompt: boolean;
  readonly expected?: string;
  readonly error?: string;
  readonly [variable: string]: unknown;
}

describe.skipIf(parity === null)("chat templates", () => {
  const vectors = countVectors("transformers' chats, chat templates");
  const templates: Readonly<Record<string, { template: string; cases: readonly TemplateCase[] }>> =
    parity === null ? {} : JSON.parse(readFileSync(join(parity, "chat_template_cases.json"), "utf8"));
  for (const [name, { template, cases }] of Object.entries(templates)) {
    it(`${name}: ${cases.length} chats are rendered as by transformers`, () => {
      const [bos_token, eos_token] = tokens[name] ?? [null, null];
      const config = parseTokenizerConfig({ tokenizerConfig: { chat_template: template, bos_token, eos_token } });
      for (const {
        messages,
        add_generation_prompt,
        expected,
        error,
        raises,
        reasoning_effort,
        ...others
      } of vectors.each(cases)) {
        // The cases write no thinking as an effort of its own, the templates as a switch.
        const effort = reasoning_effort === "off" ? { enable_thinking: false } : { reasoning_effort };
        const variables = { ...others, ...(reasoning_effort === undefined ? {} : effort) };
        const render = () => chatPrompt(config, messages, { addGenerationPrompt: add_generation_prompt, variables });
        if (expected === undefined) expect(render).toThrow(error);
        else expect(render()).toMatchObject({ text: expected, addSpecialTokens: false });
      }
    });
  }
});

const message = (role: ChatMessage["role"], content: string): ChatMessage => ({ role, content });

describe("chatPrompt() without a template", () => {
  const config = parseTokenizerConfig({});
  it("writes the transcript form of HH-RLHF", () => {
    const chat = [message("user", "Hi"), message("assistant", "Hello!"), message("user", "Why?")];
    expect(chatPrompt(config, chat).text).toBe("\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: Why?\n\nAssistant:");
    expect(chatPrompt(config, chat.slice(0, 2), { addGenerationPrompt: false }).text).toBe(
      "\n\nHuman: Hi\n\nAssistant: Hello!",
    );
  });

  it("puts what the system says before the next human turn", () => {
    const chat = [message("system", "Be brief."), message("user", "Hi")];
    expect(chatPrompt(config, chat).text).toBe("\n\nHuman: Be brief.\n\nHi\n\nAssistant:");
    expect(chatPrompt(config, [message("system", "Speak.")]).text).toBe("\n\nHuman: Speak.\n\nAssistant:");
  });

  it("refuses roles it does not know", () => {
    const chat = [{ role: "tool", content: "x" } as unknown as ChatMessage];
    expect(() => chatPrompt(config, chat)).toThrow(TokenizerError);
  });
});

describe("encodeChat()", () => {
  const tokenizerWith = (chat_template: string | null) =>
    createTokenizer(
      tinyTokenizerJson(),
      parseTokenizerConfig({
        tokenizerConfig: { tokenizer_class: "LlamaTokenizer", bos_token: "<s>", eos_token: "</s>", chat_template },
      }),
      "",
    );
  const template =
    "{{ bos_token }}{% for m in messages %}{{ m['role'] + ' ' + m['content'] | trim }}{{ eos_token }}{% endfor %}";

  it("begins the text once, with a template or without", () => {
    for (const tokenizer of [tokenizerWith(template), tokenizerWith(null)]) {
      const ids = encodeChat(tokenizer, chatPrompt(tokenizer.config, [message("user", "the cat")]));
      expect(ids[0]).toBe(1);
      expect(ids.filter((id) => id === 1).length).toBe(1);
    }
  });

  it("takes control tokens from the template alone, whatever the messages spell", () => {
    const tokenizer = tokenizerWith(template);
    const part = fc.oneof(
      fc.constantFrom("<s>", "</s>", "<unk>", "<", "/s>", " the", "\ufdd0\ufde1\ufdd1", "{{ bos_token }}", "\n"),
      fc.string({ maxLength: 5 }),
    );
    const content = fc.array(part, { maxLength: 9 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.array(content, { minLength: 1, maxLength: 3 }), (contents) => {
        const prompt = chatPrompt(
          tokenizer.config,
          contents.map((each) => message("user", each)),
        );
        const ids = encodeChat(tokenizer, prompt);
        expect(ids.filter((id) => id === 1).length).toBe(1);
        expect(ids.filter((id) => id === 2).length).toBe(contents.length);
        const sound = contents.map((each) => each.replace(/[\ufdd0-\ufdef]/g, "\ufffd").trim());
        expect(prompt.text).toBe(`<s>${sound.map((each) => `user ${each}</s>`).join("")}`);
        expect(prompt.pieces.map((piece) => piece.text).join("")).toBe(prompt.text);
      }),
      { seed: 81, numRuns: 300 },
    );
  });

  it("says which template is malformed", () => {
    for (const broken of ["{% for %}", "{{ nothing.here() }}", "{{ raise_exception('no chats') }}"]) {
      expect(() => chatPrompt(tokenizerWith(broken).config, [message("user", "x")])).toThrow(
        expect.objectContaining({ name: "TokenizerError", field: "chat_template" }),
      );
    }
  });
});
