// What a tuning reports while it goes on, and what it sums up at its end.
import type { HeldOutFigures } from "../evaluate.ts";
import type { CheckpointEvent } from "../events.ts";

/** The model before training is asked: for the reference of DPO, and for what it makes of the held-out pairs. */
export interface TuneReferenceEvent {
  readonly kind: "reference";
  /** Pairs. */
  readonly done: number;
  readonly total: number;
  readonly etaSeconds: number;
}

/** Figures of one step, before its update. */
export interface TuneStepFigures {
  /** From 0, with the share of the epoch that is over. */
  readonly epoch: number;
  readonly loss: number;
  /** Mean of chosen minus rejected over the batch's pairs: of rewards, mean log-probabilities or scores, before β. */
  readonly margin: number;
  /** Share of the batch's pairs with a margin above 0; ties count half. */
  readonly accuracy: number;
  /** Global norm of the gradient before clipping. */
  readonly gradNorm: number;
}

/** One optimiser step. */
export interface TuneStepEvent extends TuneStepFigures {
  readonly kind: "step";
  /** From 1. */
  readonly step: number;
  readonly totalSteps: number;
  readonly learningRate: number;
  /** Tokens read, prompts and responses of both sides, per second. */
  readonly tokensPerSecond: number;
  readonly etaSeconds: number;
}

/** What is known of a run at a checkpoint or at its end. */
export interface TuneFigures {
  readonly step: number;
  readonly stepCount: number;
  /** Mean loss of the last tenth of the steps. */
  readonly trainLoss: number | null;
  /** Null before the end, or where nothing was held out. */
  readonly heldOut: HeldOutFigures | null;
  readonly device: string;
}

/** What a run led to. */
export interface TuneSummary {
  readonly steps: number;
  readonly trainLoss: number;
  /** Mean loss of the first tenth of the steps. */
  readonly trainLossAtStart: number;
  readonly heldOut: HeldOutFigures | null;
  /** The objective on the held-out pairs before and after, or null where nothing was held out. */
  readonly heldOutLoss: { readonly untrained: number; readonly trained: number } | null;
  /** Number of trained parameters. */
  readonly trainable: number;
  /** Seconds of optimiser steps, over all parts of a resumed run. */
  readonly seconds: number;
  /** Tokens read per second of steps, in this part of the run. */
  readonly tokensPerSecond: number;
  /** The most memory of the device in use at once. */
  readonly peakBytes: number;
}

/** The run is over. */
export interface TuneEndEvent<Trained> {
  readonly kind: "end";
  readonly summary: TuneSummary;
  /** What was trained, on the device; whoever reads this event disposes it (`freeTree`). */
  readonly trained: Trained;
}

/** What `tune` yields. */
export type TuneEvent<Trained> = TuneReferenceEvent | TuneStepEvent | CheckpointEvent | TuneEndEvent<Trained>;
