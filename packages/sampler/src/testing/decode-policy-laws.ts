// The laws of the DecodePolicy contract, to be run by every implementation under vitest.
// They see a policy from outside only: ids in, numbers out.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { candidatesOf, logProbability } from "../distribution.ts";
import type { Controls, DecodePolicy, Sequence, SequenceEntry, Step } from "../policy.ts";
import { createRandom } from "../random.ts";

/** What the laws must know of a policy. */
export interface LawOptions {
  /** The largest allowed difference of logits, log-probabilities (nats) and α between two ways; 0 by default. */
  readonly tolerance?: number | undefined;
  /** Two controls that give different distributions; null where the policy ignores controls. Strengths 0 and 1 by default. */
  readonly controls?: readonly [Controls, Controls] | null | undefined;
  /** The longest sequence used, at least 7; 11 by default. */
  readonly length?: number | undefined;
  /** The seed of the token ids; 1 by default. */
  readonly seed?: number | undefined;
}

interface Reading {
  readonly logits: Float64Array;
  readonly alpha: number | null;
}

async function read(step: Step): Promise<Reading> {
  return { logits: Float64Array.from(await step.logits()), alpha: step.alpha };
}

/** The largest absolute difference; equal infinities and two NaN differ by 0. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue;
    const each = Math.abs(a[i]! - b[i]!);
    largest = Math.max(largest, Number.isNaN(each) ? Infinity : each);
  }
  return largest;
}

/**
 * Registers the laws of `DecodePolicy` as a describe block: advancing in any pieces agrees; a batch of different controls and
 * lengths equals each sequence alone; score equals advance, in any pieces; forks are independent; what is cut off had never
 * been; close frees; controls take effect at once and for their own sequence only; bad entries change nothing; cost is counted.
 *
 * @param name names the block
 * @param createPolicy makes a fresh policy for each law; it must hold at least 4 sequences of `length` tokens
 */
export function decodePolicyLaws(
  name: string,
  createPolicy: () => DecodePolicy | Promise<DecodePolicy>,
  options: LawOptions = {},
): void {
  const { tolerance = 0, length = 11, seed = 1 } = options;
  const { controls = [{ strength: 0 }, { strength: 1 }] } = options;
  const [first, second]: readonly [Controls, Controls] = controls ?? [{}, {}];

  describe(`${name}: laws of DecodePolicy`, () => {
    let policy: DecodePolicy;
    let random = createRandom(seed);
    beforeEach(async () => {
      policy = await createPolicy();
      random = createRandom(seed);
    });
    afterEach(() => policy[Symbol.dispose]());

    const draw = (count: number): number[] =>
      Array.from({ length: count }, () => Math.floor(random.uniform() * policy.vocabSize));

    function expectSame(actual: Reading, expected: Reading): void {
      expect(difference(actual.logits, expected.logits)).toBeLessThanOrEqual(tolerance);
      if (expected.alpha === null) expect(actual.alpha).toBeNull();
      else expect(Math.abs(actual.alpha! - expected.alpha)).toBeLessThanOrEqual(tolerance);
    }

    async function advance(sequence: Sequence, tokens: readonly number[]): Promise<Reading> {
      const [step] = await policy.advance([{ sequence, tokens }]);
      return read(step!);
    }

    /** The last reading of a fresh sequence that is given all tokens in one piece. */
    async function alone(tokens: readonly number[], knobs: Controls): Promise<Reading> {
      const sequence = policy.open(knobs);
      const reading = await advance(sequence, tokens);
      policy.close(sequence);
      return reading;
    }

    it("gives logits of the vocabulary's size, and α in [0, 1] or none", async () => {
      const { logits, alpha } = await alone(draw(3), second);
      expect(logits.length).toBe(policy.vocabSize);
      if (alpha !== null) expect(alpha >= 0 && alpha <= 1).toBe(true);
    });

    it("candidates are the most likely tokens of the logits, with their normaliser, for each of a batch", async () => {
      const sequences = [first, second].map((each) => policy.open(each));
      // A prompt, then steps, which may be replayed.
      for (const tokenCount of [3, 1, 1]) {
        const steps = await policy.advance(sequences.map((sequence) => ({ sequence, tokens: draw(tokenCount) })));
        for (const count of [1, Math.min(5, policy.vocabSize), policy.vocabSize]) {
          for (const step of steps) {
            const found = await step.candidates(count);
            const expected = candidatesOf(await step.logits(), count);
            expect(found.ids).toEqual(expected.ids);
            expect(found.logits).toEqual(expected.logits);
            expect(Math.abs(found.logNormalizer - expected.logNormalizer)).toBeLessThanOrEqual(1e-6);
          }
        }
      }
      for (const sequence of sequences) policy.close(sequence);
    });

    it("a step ends where the policy advances", async () => {
      const sequence = policy.open(second);
      const [step] = await policy.advance([{ sequence, tokens: draw(2) }]);
      await advance(sequence, draw(1));
      await expect(step!.logits()).rejects.toThrow("advanced since");
      await expect(step!.candidates(1)).rejects.toThrow("advanced since");
      policy.close(sequence);
    });

    it("advancing token by token, or in any two pieces, equals advancing in one piece", async () => {
      const tokens = draw(length);
      const whole = await alone(tokens, second);
      const sequence = policy.open(second);
      let last: Reading | null = null;
      for (const token of tokens) last = await advance(sequence, [token]);
      expectSame(last!, whole);
      expect(policy.length(sequence)).toBe(length);
      policy.close(sequence);
      for (const cut of [1, 3, length - 1]) {
        const pieces = policy.open(second);
        await advance(pieces, tokens.slice(0, cut));
        expectSame(await advance(pieces, tokens.slice(cut)), whole);
        policy.close(pieces);
      }
    });

    it("a mixed batch equals each sequence alone", async () => {
      const knobs = [first, second, first];
      const heads = [draw(3), draw(5), draw(2)];
      const tails = [draw(1), draw(2), draw(length - 2)];
      const sequences = knobs.map((each) => policy.open(each));
      const entries = (pieces: readonly (readonly number[])[]): SequenceEntry[] =>
        sequences.map((sequence, i) => ({ sequence, tokens: pieces[i]! }));
      const readings: Reading[][] = [];
      for (const pieces of [heads, tails]) {
        readings.push(await Promise.all((await policy.advance(entries(pieces))).map(read)));
      }
      for (const sequence of sequences) policy.close(sequence);
      for (const [i, each] of knobs.entries()) {
        expectSame(readings[0]![i]!, await alone(heads[i]!, each));
        expectSame(readings[1]![i]!, await alone([...heads[i]!, ...tails[i]!], each));
      }
    });

    it("score equals advance token by token, for a batch, and leaves the sequences advanced", async () => {
      const knobs = [first, second];
      const pieces = [draw(length - 1), draw(5)];
      const sequences = knobs.map((each) => policy.open(each));
      const entries = sequences.map((sequence, i) => ({ sequence, tokens: pieces[i]! }));
      const scores = await policy.score(entries, { logits: true });
      for (const [i, tokens] of pieces.entries()) {
        const { logp, alpha, logits } = scores[i]!;
        expect([logp.length, logits!.length]).toEqual([tokens.length, tokens.length]);
        expect(logp[0]).toBeNaN();
        const stepped = policy.open(knobs[i]!);
        for (const [t, token] of tokens.entries()) {
          const reading = await advance(stepped, [token]);
          expectSame({ logits: Float64Array.from(logits![t]!), alpha: alpha === null ? null : alpha[t]! }, reading);
          const next = tokens[t + 1];
          if (next === undefined) continue;
          const expected = logProbability(reading.logits, next);
          // A log-probability differs by at most twice what logits may.
          expect(difference([logp[t + 1]!], [expected])).toBeLessThanOrEqual(2 * tolerance + 1e-12);
        }
        const [token] = draw(1);
        expect(policy.length(sequences[i]!)).toBe(tokens.length);
        expectSame(await advance(sequences[i]!, [token!]), await advance(stepped, [token!]));
        policy.close(stepped);
      }
    });

    it("scoring in two pieces, or after an advance, equals scoring in one", async () => {
      const tokens = draw(7);
      const logpOf = async (sequence: Sequence, piece: readonly number[]): Promise<number[]> => {
        const [scores] = await policy.score([{ sequence, tokens: piece }]);
        expect(scores!.logits).toBeNull();
        return [...scores!.logp];
      };
      const [whole, cut, after] = [policy.open(second), policy.open(second), policy.open(second)];
      const expected = await logpOf(whole, tokens);
      const pieces = [...(await logpOf(cut, tokens.slice(0, 3))), ...(await logpOf(cut, tokens.slice(3)))];
      expect(difference(pieces, expected)).toBeLessThanOrEqual(2 * tolerance);
      await advance(after, tokens.slice(0, 2));
      expect(difference(await logpOf(after, tokens.slice(2)), expected.slice(2))).toBeLessThanOrEqual(2 * tolerance);
      for (const sequence of [whole, cut, after]) policy.close(sequence);
    });

    it("a fork goes its own way and outlives its parent", async () => {
      const [stem, left, right] = [draw(5), draw(3), draw(2)];
      const parent = policy.open(second);
      await advance(parent, stem);
      const child = policy.fork(parent);
      expectSame(await advance(parent, left), await alone([...stem, ...left], second));
      expect([policy.length(parent), policy.length(child)]).toEqual([8, 5]);
      policy.close(parent);
      expectSame(await advance(child, right), await alone([...stem, ...right], second));
      policy.close(child);
    });

    it("a sequence that is cut goes on as if it had never gone further", async () => {
      const [tokens, other] = [draw(7), draw(3)];
      for (const keep of [0, 1, 4, 6, 7]) {
        const kept = tokens.slice(0, keep);
        const expected = await alone([...kept, ...other], second);
        const [stepped, scored] = [policy.open(second), policy.open(second)];
        for (const sequence of [stepped, scored]) {
          await advance(sequence, tokens.slice(0, 5));
          await advance(sequence, tokens.slice(5));
          policy.truncate(sequence, keep);
          expect(policy.length(sequence)).toBe(keep);
        }
        expectSame(await advance(stepped, other), expected);
        const [scores] = await policy.score([{ sequence: scored, tokens: other }], { logits: true });
        expectSame({ logits: Float64Array.from(scores!.logits![2]!), alpha: scores!.alpha?.[2] ?? null }, expected);
        const fresh = policy.open(second);
        if (keep > 0) await advance(fresh, kept);
        const [uncut] = await policy.score([{ sequence: fresh, tokens: other }]);
        expect(difference(scores!.logp, uncut!.logp)).toBeLessThanOrEqual(2 * tolerance);
        // Twice, with nothing between; and a mixed batch of cut and uncut ones.
        policy.truncate(scored, Math.min(keep + 1, policy.length(scored)));
        policy.truncate(scored, keep);
        const steps = await policy.advance([
          { sequence: fresh, tokens: other },
          { sequence: scored, tokens: other },
        ]);
        expectSame(await read(steps[1]!), expected);
        for (const sequence of [stepped, scored, fresh]) policy.close(sequence);
      }
    });

    it("a cut is its sequence's own: forks before it and after it go their own ways", async () => {
      const [stem, tail, other] = [draw(4), draw(3), draw(2)];
      const parent = policy.open(second);
      await advance(parent, [...stem, ...tail]);
      const before = policy.fork(parent);
      policy.truncate(parent, 4);
      const after = policy.fork(parent);
      expect([parent, before, after].map((sequence) => policy.length(sequence))).toEqual([4, 7, 4]);
      const expected = await alone([...stem, ...other], second);
      expectSame(await advance(after, other), expected);
      expectSame(await advance(before, other), await alone([...stem, ...tail, ...other], second));
      policy.close(after);
      expectSame(await advance(parent, other), expected);
      for (const sequence of [parent, before]) policy.close(sequence);
    });

    it("refuses cuts that cannot be and changes nothing", async () => {
      const [stem, next] = [draw(3), draw(1)];
      const sequence = policy.open(second);
      await advance(sequence, stem);
      for (const length of [-1, 4, 1.5, Number.NaN]) {
        expect(() => policy.truncate(sequence, length)).toThrow(RangeError);
      }
      // What it says before is what a cut does then: forks of the sequence are cut in its stead.
      for (const length of [0, 1, 2, 3]) {
        const fork = policy.fork(sequence);
        const cut = () => policy.truncate(fork, length);
        if (policy.canTruncate?.(fork, length) ?? true) cut();
        else expect(cut).toThrow();
        policy.close(fork);
      }
      expectSame(await advance(sequence, next), await alone([...stem, ...next], second));
      policy.close(sequence);
      expect(() => policy.truncate(sequence, 0)).toThrow();
    });

    it("close frees a sequence and ends its handle", async () => {
      for (let round = 0; round < 50; round++) {
        const sequence = policy.open();
        if (round % 10 === 0) await advance(sequence, draw(3));
        policy.close(sequence);
      }
      const sequence = policy.open();
      const tokens = draw(1);
      policy.close(sequence);
      expect(() => policy.length(sequence)).toThrow();
      expect(() => policy.close(sequence)).toThrow();
      expect(() => policy.fork(sequence)).toThrow();
      await expect(async () => policy.advance([{ sequence, tokens }])).rejects.toThrow();
    });

    it("a reused place carries nothing over", async () => {
      const tokens = draw(5);
      const expected = await alone(tokens, second);
      await alone(draw(length), first);
      expectSame(await alone(tokens, second), expected);
    });

    it.skipIf(controls === null)("controls take effect at once, and for their own sequence only", async () => {
      const [prompt, former, next] = [draw(5), draw(1), draw(1)];
      const stem = [...prompt, ...former];
      const [changed, kept] = [policy.open(first), policy.open(first)];
      for (const tokens of [prompt, former]) {
        await policy.advance([changed, kept].map((sequence) => ({ sequence, tokens })));
      }
      policy.setControls(changed, second);
      const steps = await policy.advance([changed, kept].map((sequence) => ({ sequence, tokens: next })));
      const [afterChange, unchanged] = await Promise.all(steps.map(read));
      for (const sequence of [changed, kept]) policy.close(sequence);
      const asFirst = await alone([...stem, ...next], first);
      expectSame(afterChange!, await alone([...stem, ...next], second));
      expectSame(unchanged!, asFirst);
      expect(difference(afterChange!.logits, asFirst.logits)).toBeGreaterThan(tolerance);
    });

    it("refuses bad entries and changes nothing", async () => {
      const [sequence, other] = [policy.open(second), policy.open(second)];
      const [stem, next] = [draw(3), draw(2)];
      await advance(sequence, stem);
      const good = { sequence: other, tokens: next };
      const tooMany = new Array<number>(policy.maxTokens - 2).fill(next[0]!);
      const bad = [[], [policy.vocabSize], [-1], [0.5], tooMany];
      for (const entries of [...bad.map((tokens) => [good, { sequence, tokens }]), [good, good]]) {
        await expect(async () => policy.advance(entries)).rejects.toThrow();
        await expect(async () => policy.score(entries)).rejects.toThrow();
      }
      expect([policy.length(sequence), policy.length(other)]).toEqual([3, 0]);
      expectSame(await advance(sequence, next), await alone([...stem, ...next], second));
      for (const each of [sequence, other]) policy.close(each);
    });

    it("counts what it spends", async () => {
      const [a, b] = [policy.open(first), policy.open(second)];
      const before = { ...policy.cost };
      await policy.advance([
        { sequence: a, tokens: draw(3) },
        { sequence: b, tokens: draw(2) },
      ]);
      const between = { ...policy.cost };
      expect(between.forwards).toBeGreaterThan(before.forwards);
      expect(between.tokens - before.tokens).toBeGreaterThanOrEqual(5);
      await policy.score([{ sequence: a, tokens: draw(4) }]);
      expect(policy.cost.forwards).toBeGreaterThan(between.forwards);
      expect(policy.cost.tokens - between.tokens).toBeGreaterThanOrEqual(4);
      for (const sequence of [a, b]) policy.close(sequence);
    });
  });
}
