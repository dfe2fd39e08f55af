// CARDS: an answer grows by segments that end where the base model is unsure; a reward model accepts or rejects each.
// Knows neither model.
import type { ScalarReward } from "@dual-head/backbone";
import {
  type BatchEvent,
  type BatchGenerator,
  type BatchOptions,
  type Chooser,
  candidatesOf,
  checkRequest,
  createChooser,
  createRandom,
  createSpeech,
  type DecodePolicy,
  type GenerateEvent,
  type GenerateRequest,
  logNormalizer,
  onlyEvents,
  type Random,
  type Sequence,
  type Speech,
  type Step,
} from "@dual-head/sampler";
import { PolicyError } from "../policy/errors.ts";

/** What CARDS is made of, with its authors' defaults. */
export interface CardsOptions {
  readonly policy: DecodePolicy;
  /** A trajectory-level reward with a slot for each sequence of the policy and room for one token more. */
  readonly reward: ScalarReward;
  /** A segment ends before a token whose distribution has an entropy of at least this, nats; 3 by default. */
  readonly entropyThreshold?: number | undefined;
  /** r*: the reward that the whole answer should reach, on the reward model's scale. */
  readonly rewardTarget: number;
  /** Share of r* beside the prompt's own reward in the threshold at the start, in [0, 1]; .5 by default. */
  readonly rewardShare?: number | undefined;
  /** β of the acceptance exp((r − threshold)/β); .7 by default. */
  readonly acceptTemperature?: number | undefined;
  /** Fewest and most tokens of a segment; 4 and 64 by default. */
  readonly segmentLengths?: readonly [number, number] | undefined;
  /** Rejections after which the best segment so far is taken; 20 by default. */
  readonly retryLimit?: number | undefined;
}

/** The distribution that follows a sequence, kept while the sequence goes on elsewhere. */
interface Kept {
  readonly step: Step;
  readonly entropy: number;
}

interface Drawn {
  readonly token: number;
  readonly logp: number;
  readonly alpha: number | null;
}

/** A segment being drawn or judged: a fork of the accepted text. */
interface Trial {
  readonly sequence: Sequence;
  readonly slot: number;
  readonly drawn: Drawn[];
  next: Kept;
  reward: number;
}

/** A request with its number. */
interface Waiting {
  readonly index: number;
  readonly request: GenerateRequest;
}

/** One request on its way. */
interface Course {
  readonly index: number;
  readonly request: GenerateRequest;
  readonly choose: Chooser;
  readonly random: Random;
  readonly speech: Speech;
  sequence: Sequence;
  slot: number;
  next: Kept;
  /** Reward threshold where nothing has been said. */
  startThreshold: number;
  accepted: number;
  rejections: number;
  best: Trial | null;
  trial: Trial | null;
}

/**
 * Creates the generator (Li et al. 2024, arXiv 2406.16306). After t tokens of at most n the threshold is
 * min(r*, r₀ + t·(r* − r₀)/n) with r₀ = (1 − share)·r(prompt) + share·r*; a segment of reward r is accepted with
 * probability min(1, exp((r − threshold)/β)). With β infinite every segment is accepted: the answer is a plain sample.
 *
 * @throws PolicyError where a number cannot be
 */
export function createCards(options: CardsOptions): BatchGenerator {
  const { policy, reward, rewardTarget, entropyThreshold = 3, rewardShare = 0.5, acceptTemperature = 0.7 } = options;
  const { segmentLengths: [shortest, longest] = [4, 64], retryLimit = 20 } = options;
  const checks = [
    ["rewardTarget", rewardTarget, Number.isFinite(rewardTarget), "a finite number"],
    ["entropyThreshold", entropyThreshold, entropyThreshold >= 0, "at least 0"],
    ["rewardShare", rewardShare, rewardShare >= 0 && rewardShare <= 1, "in [0, 1]"],
    ["acceptTemperature", acceptTemperature, acceptTemperature > 0, "above 0"],
    [
      "segmentLengths",
      shortest,
      Number.isInteger(shortest) && shortest >= 1 && shortest <= longest,
      "1 ≤ fewest ≤ most",
    ],
    ["retryLimit", retryLimit, Number.isInteger(retryLimit) && retryLimit >= 0, "an integer of at least 0"],
  ] as const;
  for (const [fact, value, holds, required] of checks) {
    if (!holds) throw new PolicyError(fact, `Cannot create CARDS: ${fact} is ${value}; it must be ${required}`);
  }
  let rewardCalls = 0;

  async function rewardsOf(entries: readonly { readonly slot: number; readonly tokens: readonly number[] }[]) {
    rewardCalls += entries.length;
    return reward.advance(entries);
  }

  /** Courses of requests whose prompts are read in one pass. */
  async function begin(starting: readonly Waiting[]): Promise<readonly Course[]> {
    const sequences: Sequence[] = [];
    const slots: number[] = [];
    try {
      for (const { request } of starting) {
        sequences.push(policy.open(request.controls));
        slots.push(reward.open());
      }
      const prompts = starting.map(({ request }) => request.prompt);
      const steps = await policy.advance(prompts.map((tokens, at) => ({ sequence: sequences[at]!, tokens })));
      const kept = await Promise.all(steps.map(keep));
      const rewards = await rewardsOf(prompts.map((tokens, at) => ({ slot: slots[at]!, tokens })));
      return starting.map(({ index, request }, at) => ({
        index,
        request,
        choose: createChooser(request),
        // A stream of its own, so that what is drawn does not depend on how much was accepted.
        random: createRandom(((request.seed ?? 0) + 0x5eed_cafe) % Number.MAX_SAFE_INTEGER),
        speech: createSpeech(request),
        sequence: sequences[at]!,
        slot: slots[at]!,
        next: kept[at]!,
        startThreshold: (1 - rewardShare) * rewards[at]! + rewardShare * rewardTarget,
        accepted: 0,
        rejections: 0,
        best: null,
        trial: null,
      }));
    } catch (error) {
      for (const sequence of sequences) policy.close(sequence);
      for (const slot of slots) reward.close(slot);
      throw error;
    }
  }

  function startTrial(course: Course): Trial {
    const sequence = policy.fork(course.sequence);
    try {
      return { sequence, slot: reward.fork(course.slot), drawn: [], next: course.next, reward: -Infinity };
    } catch (error) {
      policy.close(sequence);
      throw error;
    }
  }

  function closeTrial(trial: Trial | null): void {
    if (trial === null) return;
    policy.close(trial.sequence);
    reward.close(trial.slot);
  }

  function closeCourse(course: Course): void {
    closeTrial(course.trial);
    if (course.best !== course.trial) closeTrial(course.best);
    policy.close(course.sequence);
    reward.close(course.slot);
  }

  const roomOf = ({ request, accepted }: Course): number =>
    // The last token needs no place: nothing follows it.
    Math.min(request.maxNewTokens, policy.maxTokens - request.prompt.length + 1) - accepted;

  /** Draws a token for each trial; those that the segment still goes on for are fed. Returns the trials that are whole. */
  async function drawTokens(courses: readonly Course[]): Promise<readonly Course[]> {
    for (const course of courses) {
      const { trial, request, choose, accepted } = course;
      const seen = new Set([...request.prompt, ...trial!.drawn.map(({ token }) => token)]);
      const stops = new Set(request.stopTokens ?? []);
      const isEarly = accepted + trial!.drawn.length < (request.minNewTokens ?? 0);
      const { token, logp } = await choose(trial!.next.step, seen, isEarly ? stops : new Set());
      trial!.drawn.push({ token, logp, alpha: trial!.next.step.alpha });
    }
    const fed = courses.filter((course) => policy.length(course.trial!.sequence) < policy.maxTokens);
    const steps = await policy.advance(
      fed.map(({ trial }) => ({ sequence: trial!.sequence, tokens: [trial!.drawn.at(-1)!.token] })),
    );
    const kept = await Promise.all(steps.map(keep));
    for (const [at, { trial }] of fed.entries()) trial!.next = kept[at]!;
    return courses.filter((course) => {
      const { trial, request } = course;
      const { length } = trial!.drawn;
      const isStop = request.stopTokens?.includes(trial!.drawn.at(-1)!.token) === true;
      return (
        isStop ||
        length >= Math.min(longest, roomOf(course)) ||
        (length >= shortest && trial!.next.entropy >= entropyThreshold)
      );
    });
  }

  /** Judges whole segments; what was accepted becomes the text. Returns what is said, and which courses are over. */
  async function judge(
    whole: readonly Course[],
  ): Promise<readonly { course: Course; events: readonly GenerateEvent[] }[]> {
    const scores = await rewardsOf(
      whole.map(({ trial }) => ({ slot: trial!.slot, tokens: trial!.drawn.map(({ token }) => token) })),
    );
    return whole.map((course, at) => {
      const trial = course.trial!;
      trial.reward = scores[at]!;
      course.trial = null;
      const length = course.accepted + trial.drawn.length;
      const { startThreshold: start } = course;
      const climbed = start + (length * (rewardTarget - start)) / course.request.maxNewTokens;
      const threshold = Math.min(climbed, rewardTarget);
      const isAccepted = course.random.uniform() < Math.exp((trial.reward - threshold) / acceptTemperature);
      const isBest = course.best === null || trial.reward > course.best.reward;
      const isLast = course.rejections >= retryLimit;
      if (!isAccepted && !isLast) {
        course.rejections++;
        closeTrial(isBest ? course.best : trial);
        if (isBest) course.best = trial;
        return { course, events: [] };
      }
      const taken = isAccepted || isBest ? trial : course.best!;
      closeTrial(taken === trial ? course.best : trial);
      course.best = null;
      course.rejections = 0;
      policy.close(course.sequence);
      reward.close(course.slot);
      course.sequence = taken.sequence;
      course.slot = taken.slot;
      course.next = taken.next;
      course.accepted += taken.drawn.length;
      return { course, events: sayAll(course, taken.drawn) };
    });
  }

  function sayAll(course: Course, drawn: readonly Drawn[]): readonly GenerateEvent[] {
    const events: GenerateEvent[] = [];
    for (const each of drawn) {
      events.push(...course.speech.say(each));
      if (events.at(-1)?.type === "end") return events;
    }
    if (course.accepted >= course.request.maxNewTokens) return [...events, course.speech.end("length")];
    return roomOf(course) <= 0 ? [...events, course.speech.end("context")] : events;
  }

  async function* run(
    requests: readonly GenerateRequest[],
    concurrency: number,
  ): AsyncGenerator<BatchEvent, void, void> {
    const waiting: Waiting[] = requests.map((request, index) => ({ request, index }));
    const open = new Set<Course>();
    try {
      while (waiting.length > 0 || open.size > 0) {
        const starting = waiting.splice(0, concurrency - open.size);
        if (starting.length > 0) for (const course of await begin(starting)) open.add(course);
        const said: { course: Course; events: readonly GenerateEvent[] }[] = [];
        for (const course of open) {
          if (course.request.signal?.aborted === true) said.push({ course, events: [course.speech.end("aborted")] });
          else course.trial ??= startTrial(course);
        }
        const running = [...open].filter((course) => !said.some(({ course: gone }) => gone === course));
        if (running.length > 0) {
          const whole = await drawTokens(running);
          if (whole.length > 0) said.push(...(await judge(whole)));
        }
        for (const { course, events } of said) {
          if (events.at(-1)?.type !== "end") continue;
          closeCourse(course);
          open.delete(course);
        }
        for (const { course, events } of said) {
          for (const event of events) yield { index: course.index, event };
        }
      }
    } finally {
      for (const course of open) closeCourse(course);
    }
  }

  function generateBatch(requests: readonly GenerateRequest[], batch: BatchOptions = {}): AsyncIterable<BatchEvent> {
    for (const request of requests) checkRequest(policy, request);
    // A course holds its text, its best segment and the one being drawn.
    const slots = Math.floor((policy.slotCount ?? Infinity) / 3);
    return run(requests, Math.max(1, Math.min(slots, batch.concurrency ?? Infinity)));
  }

  return {
    generate: (request) => onlyEvents(generateBatch([request])),
    generateBatch,
    get cost() {
      return { ...policy.cost, rewardCalls };
    },
  };
}

async function keep(step: Step): Promise<Kept> {
  const logits = (await step.logits()).slice();
  return {
    step: { alpha: step.alpha, logits: async () => logits, candidates: async (count) => candidatesOf(logits, count) },
    entropy: entropyOf(logits),
  };
}

/** Entropy of softmax(logits), nats. */
function entropyOf(logits: Float32Array | Float64Array): number {
  const normalizer = logNormalizer(logits);
  let entropy = 0;
  for (const value of logits) {
    const logp = value - normalizer;
    if (logp > -Infinity) entropy -= Math.exp(logp) * logp;
  }
  return entropy;
}
