// Public names of @dual-head/mini-world.
export { type Verdict, judge } from "./oracle/oracle.ts";
