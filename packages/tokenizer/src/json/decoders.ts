// The decoders of tokenizer.json whose tokens stand for text or bytes each by itself, so that they can be streamed.
// It does not know ids; other decoders, which need all tokens at once, are left to the library.
import { bytesOfPiece } from "../algorithms/byte-pieces.ts";
import type { SpaceStrip, Surface } from "../detokenizer.ts";

/** What a decoder makes of tokens one by one. */
export interface TokenDecoder {
  /** What a token stands for; added tokens are text already. */
  surfaceOf(token: string, isAdded: boolean): Surface;
  /** Which spaces at the beginning it leaves out. */
  readonly strip: SpaceStrip;
}

type Config = Readonly<Record<string, unknown>>;

function flatten(config: Config): readonly Config[] {
  return config.type === "Sequence" ? ((config.decoders ?? []) as readonly Config[]).flatMap(flatten) : [config];
}

function replacementOf({ pattern, content }: Config): ((text: string) => string) | null {
  const text = (pattern as Config).String;
  if (typeof text !== "string" || typeof content !== "string") return null;
  return (token) => token.replaceAll(text, content);
}

/** A byte by its name, `<0x0A>`, or null. */
function byteOf(token: string): number | null {
  const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  return hex === undefined ? null : Number.parseInt(hex, 16);
}

/** The decoder of a checked part of tokenizer.json, or null where it is of another form. */
export function findTokenDecoder(config: Config | null): TokenDecoder | null {
  if (config === null) return null;
  const steps = flatten(config);
  if (steps.length === 1 && steps[0]!.type === "ByteLevel") {
    return {
      strip: "none",
      surfaceOf: (token, isAdded) => (isAdded ? token : (bytesOfPiece(token) ?? token)),
    };
  }
  const replacements: ((text: string) => string)[] = [];
  let strip: SpaceStrip = "none";
  let [hasBytes, fused] = [false, false];
  for (const [index, step] of steps.entries()) {
    const replacement = step.type === "Replace" && !hasBytes && !fused ? replacementOf(step) : null;
    if (replacement !== null) replacements.push(replacement);
    else if (step.type === "Metaspace" && index === 0) {
      const { replacement: space = "\u2581", prepend_scheme: scheme, add_prefix_space: addsSpace } = step;
      if (typeof space !== "string" || space === "") return null;
      replacements.push((token) => token.replaceAll(space, " "));
      strip = scheme === "never" || addsSpace === false ? "none" : "first";
    } else if (step.type === "ByteFallback" && !hasBytes && !fused) hasBytes = true;
    else if (step.type === "Fuse" && !fused) fused = true;
    else if (step.type === "Strip" && fused && strip === "none" && isOneSpace(step)) strip = "one";
    else return null;
  }
  return {
    strip,
    surfaceOf(token) {
      const text = replacements.reduce((result, replace) => replace(result), token);
      const byte = hasBytes ? byteOf(text) : null;
      if (byte === null) return text;
      // Bytes of ASCII are text by themselves, of which the strip at the end takes its part.
      return byte < 0x80 && strip === "one" ? String.fromCharCode(byte) : Uint8Array.of(byte);
    },
  };
}

function isOneSpace({ content, start = 0, stop = 0 }: Config): boolean {
  return content === " " && start === 1 && stop === 0;
}
