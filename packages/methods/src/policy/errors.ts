// The error of this package: a policy that cannot be made or used as asked.

/** A policy cannot be made or used as asked; `fact` names what is wrong. */
export class PolicyError extends Error {
  override readonly name: string = "PolicyError";
  /** What is wrong: `heads`, `weights`, `capacity`, `sequence`, … */
  readonly fact: string;

  constructor(fact: string, message: string) {
    super(message);
    this.fact = fact;
  }
}
