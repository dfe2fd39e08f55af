// A process that trains and kills itself at a named moment, for the test of resuming; run from the built files.
import { readdirSync } from "node:fs";
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { openDevice } from "@dual-head/tensor-core";
import { train } from "../train.ts";
import { tinyRunOptions } from "./tiny-run.ts";

/** Where the process ends: at an event of a kind, the nth time, or while a file is being written; "never" at the end. */
type Moment = "never" | `${"features" | "step"} ${number}` | `writing ${string} ${number}`;

const [folder, moment] = process.argv.slice(2) as [string, Moment];
const [kind, ...rest] = moment.split(" ");
const count = Number(rest.at(-1));
const die = () => process.kill(process.pid, "SIGKILL");

const device = await openDevice("cpu", { threads: 1 });
const options = tinyRunOptions(device, tinyLlama(device, 3), folder);
let seen = 0;
if (kind === "writing") {
  // Between two system calls of a writer, every turn of the loop looks for its partial file.
  let lastName = "";
  const look = () => {
    const name = readdirSync(folder).find((each) => each.startsWith(rest[0]!) && each.endsWith(".partial"));
    if (name !== undefined && name !== lastName) {
      lastName = name;
      if (++seen === count) die();
    }
    setImmediate(look).unref();
  };
  setImmediate(look).unref();
}
for await (const event of train({ ...options, resume: true })) if (event.kind === kind && ++seen === count) die();
