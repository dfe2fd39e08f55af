#!/usr/bin/env node
// The dual-head command; everything is in dist.
import { main } from "../dist/main.js";

process.exitCode = await main(process.argv.slice(2));
