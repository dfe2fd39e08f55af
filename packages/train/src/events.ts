// What a training run reports while it goes on, and what it sums up at its end.
import type { HeldOutFigures } from "./evaluate.ts";
import type { DropReason } from "./prepare.ts";

/** Data is ready: how much there is, and what was dropped or cut. */
export interface PreparedEvent {
  readonly kind: "prepared";
  readonly pairCount: number;
  readonly heldOutCount: number;
  /** Supervised examples of a file of their own, or null where the chosen responses serve. */
  readonly supervisedCount: number | null;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  readonly cutCount: number;
  /** The step a resumed run goes on from, 0 for a new one. */
  readonly startStep: number;
}

/** Hidden states are being extracted. */
export interface FeaturesEvent {
  readonly kind: "features";
  readonly done: number;
  readonly total: number;
  readonly etaSeconds: number;
}

/** One optimiser step; losses are those before the update. */
export interface StepEvent {
  readonly kind: "step";
  /** From 1. */
  readonly step: number;
  readonly totalSteps: number;
  /** From 0, with the share of the epoch that is over. */
  readonly epoch: number;
  readonly loss: number;
  readonly lm: number;
  readonly preference: number;
  /** Mean entropy of the gate in nats. */
  readonly entropy: number;
  /** Share of the batch's pairs whose chosen response has the larger reward; ties count half. */
  readonly accuracy: number;
  readonly alphaMean: number;
  /** Global norm of the gradient before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Response tokens of the batch, both of each pair, per second. */
  readonly tokensPerSecond: number;
  readonly etaSeconds: number;
}

/** A checkpoint was written. */
export interface CheckpointEvent {
  readonly kind: "checkpoint";
  readonly step: number;
  readonly path: string;
}

/** The run is over. */
export interface EndEvent {
  readonly kind: "end";
  readonly summary: TrainingSummary;
}

/** What `train` yields. */
export type TrainEvent = PreparedEvent | FeaturesEvent | StepEvent | CheckpointEvent | EndEvent;

/** What a run led to. */
export interface TrainingSummary {
  readonly steps: number;
  /** Mean loss of the last tenth of the steps. */
  readonly trainLoss: number;
  /** Mean loss of the first tenth of the steps. */
  readonly trainLossAtStart: number;
  /** Null where nothing was held out. */
  readonly heldOut: HeldOutFigures | null;
  /** Numbers of trained parameters. */
  readonly trainable: { readonly head: number; readonly gate: number };
  /** Seconds of optimiser steps, over all parts of a resumed run. */
  readonly seconds: number;
  /** Response tokens trained on per second, in this part of the run. */
  readonly tokensPerSecond: number;
  /** The most memory of the device in use at once. */
  readonly peakBytes: number;
}
