// Typed errors of tensor-core: each carries its facts beside the sentence.

/** A tensor's shape or dtype does not fit the op it is given to. */
export class ShapeError extends Error {
  readonly op: string;
  readonly label: string;
  readonly expected: unknown;
  readonly actual: unknown;
  constructor(facts: { op: string; label: string; expected: unknown; actual: unknown }) {
    super(`Cannot apply ${facts.op}: ${facts.label} is ${show(facts.actual)} but must be ${show(facts.expected)}`);
    this.name = "ShapeError";
    this.op = facts.op;
    this.label = facts.label;
    this.expected = facts.expected;
    this.actual = facts.actual;
  }
}

/** A device cannot be opened, has been disposed, or cannot do what is asked of it. */
export class DeviceError extends Error {
  readonly device: string;
  constructor(device: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DeviceError";
    this.device = device;
  }
}

/** A gradient was asked for where none exists. */
export class GradientError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "GradientError";
  }
}

function show(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
}
