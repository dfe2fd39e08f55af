// Words of the memory through which the pool and its workers speak; each hot word has a cache line of its own.

/** Indices into the control words. */
export const word = {
  /** Generation of the job in the upper 24 bits, chunks not yet taken in the lower 8. */
  ticket: 0,
  /** Chunks finished of the current job. */
  done: 16,
  /** Workers asleep on the ticket. */
  sleepers: 32,
  /** 1 while the calling thread sleeps on `done`. */
  callerWaits: 48,
  /** 1 once a kernel trapped in a worker. */
  failed: 49,
  /** 1 once workers must leave. */
  stop: 50,
  kernel: 64,
  argumentCount: 65,
  unitCount: 66,
  chunkSize: 67,
} as const;

/** Lower bits of the ticket: chunks not yet taken. */
export const REMAINING_MASK = 0xff;

/** Where the arguments start, as float64. */
export const ARGUMENT_BYTES = 512;

/** Bytes of the control memory: 64 arguments at most. */
export const CONTROL_BYTES = 1024;
