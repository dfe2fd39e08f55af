// What was spent, and what may be: before a request the most that it can cost is set aside, so that the limit is not
// passed by requests under way. Knows no request.

/** Price of a million tokens, in whatever currency the limit is in. */
export interface TokenPrice {
  readonly promptPerMillion: number;
  readonly completionPerMillion: number;
}

/** Tokens of a request. */
export interface TokenUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** What was spent so far. */
export interface Spending extends TokenUsage {
  /** Answers whose tokens the endpoint counted. */
  readonly counted: number;
  /**
   * Requests that may have been charged and whose tokens nobody told: answers without usage, or that never came whole.
   * They are in `cost` as the most that they can have cost, and in neither number of tokens.
   */
  readonly uncounted: number;
  /** In the price's currency, with what was spent before; null without a price. */
  readonly cost: number | null;
}

/** What one request may cost at most, set aside. */
export interface Reservation {
  /** Ends it: with what was used, `unknown` where that was not told, or `nothing` where nothing is charged. */
  settle(used: TokenUsage | "unknown" | "nothing"): void;
}

/** A purse. */
export interface Purse {
  readonly spending: Spending;
  /**
   * Sets aside what a request can cost at most; where only requests under way stand in its way, waits for them. Null
   * where the limit would be passed.
   */
  reserve(most: TokenUsage): Promise<Reservation | null>;
}

/** Creates a purse of which `spent` is spent already; a limit needs a price. */
export function createPurse(price: TokenPrice | null, limit: number, spent: number = 0): Purse {
  const counts = { counted: 0, uncounted: 0, promptTokens: 0, completionTokens: 0 };
  let reserved = 0;
  let waiting: (() => void)[] = [];
  const costOf = ({ promptTokens, completionTokens }: TokenUsage): number =>
    price === null ? 0 : (promptTokens * price.promptPerMillion + completionTokens * price.completionPerMillion) / 1e6;

  function settle(cost: number, used: TokenUsage | "unknown" | "nothing"): void {
    reserved -= cost;
    if (used === "unknown") {
      counts.uncounted++;
      spent += cost;
    } else if (used !== "nothing") {
      counts.counted++;
      counts.promptTokens += used.promptTokens;
      counts.completionTokens += used.completionTokens;
      spent += costOf(used);
    }
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }

  return {
    get spending() {
      return { ...counts, cost: price === null ? null : spent };
    },
    async reserve(most) {
      const cost = costOf(most);
      for (;;) {
        if (spent + cost > limit) return null;
        if (spent + reserved + cost <= limit) break;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      reserved += cost;
      let isOpen = true;
      return {
        settle(used) {
          if (isOpen) settle(cost, used);
          isOpen = false;
        },
      };
    },
  };
}
