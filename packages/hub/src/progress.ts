// Bytes, rate and time left of a download of several files. Knows no network.

/** What a download tells while it goes on; lengths in bytes. */
export type HubEvent =
  | {
      readonly kind: "listed";
      readonly commit: string;
      readonly fileCount: number;
      readonly totalBytes: number;
      readonly cachedBytes: number;
    }
  | {
      readonly kind: "progress";
      /** The file that bytes have just come for. */
      readonly path: string;
      readonly loadedBytes: number;
      readonly totalBytes: number;
      /** Over the last seconds; null before the first byte. */
      readonly bytesPerSecond: number | null;
      readonly etaSeconds: number | null;
    }
  | { readonly kind: "retry"; readonly path: string | null; readonly reason: string; readonly delaySeconds: number }
  | { readonly kind: "waiting"; readonly path: string };

/** Seconds over which the rate is taken. */
const windowSeconds = 10;
/** At most one event in so many seconds, beside the last. */
const intervalSeconds = 0.1;

/** Adds up the bytes of the files of one download. */
export class ProgressMeter {
  readonly #totalBytes: number;
  readonly #report: (event: HubEvent) => void;
  readonly #loaded = new Map<string, number>();
  readonly #now: () => number;
  /** Moments (seconds) with the bytes that had come over the network by then. */
  readonly #samples: { readonly at: number; readonly bytes: number }[] = [];
  #fresh = 0;
  #sum = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(
    totalBytes: number,
    report: (event: HubEvent) => void,
    now: () => number = () => performance.now() / 1000,
  ) {
    this.#totalBytes = totalBytes;
    this.#report = report;
    this.#now = now;
    this.#samples.push({ at: now(), bytes: 0 });
  }

  /** `onDisk` bytes of a file, known by its hash, are there now, `fresh` of which have just come. */
  add(oid: string, path: string, onDisk: number, fresh: number): void {
    this.#sum += onDisk - (this.#loaded.get(oid) ?? 0);
    this.#loaded.set(oid, onDisk);
    this.#fresh += fresh;
    const now = this.#now();
    const last = this.#sum === this.#totalBytes;
    if (!last && now - this.#reportedAt < intervalSeconds) return;
    this.#reportedAt = now;
    this.#samples.push({ at: now, bytes: this.#fresh });
    while (this.#samples.length > 2 && now - this.#samples[0]!.at > windowSeconds) this.#samples.shift();
    const oldest = this.#samples[0]!;
    const seconds = now - oldest.at;
    const rate = seconds > 0 && this.#fresh > oldest.bytes ? (this.#fresh - oldest.bytes) / seconds : null;
    this.#report({
      kind: "progress",
      path,
      loadedBytes: this.#sum,
      totalBytes: this.#totalBytes,
      bytesPerSecond: rate,
      etaSeconds: rate === null ? null : (this.#totalBytes - this.#sum) / rate,
    });
  }
}
