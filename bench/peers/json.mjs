// json.mjs - JSON.parse from bytes, as they come from a socket, and JSON.stringify, on the records of bench/json.c.
// SPDX-License-Identifier: MIT
//
//   node json.mjs decode|encode     -> mbs
import { execFileSync } from "node:child_process";

const ROUNDS = 12, TIMES = 5;
const bytes = execFileSync("build/bench/json", ["--records"], { maxBuffer: 1 << 24 });
const value = JSON.parse(bytes.toString());
const work = { decode: () => JSON.parse(bytes.toString()).length, encode: () => JSON.stringify(value).length }[process.argv[2]];
let best = Infinity, all = 0;
for (let round = 0; round < ROUNDS; round++) {
  const from = process.hrtime.bigint();
  for (let i = 0; i < TIMES; i++) all += work();
  best = Math.min(best, Number(process.hrtime.bigint() - from) / TIMES);
}
if (all === 0) throw new Error("nothing was done");
console.log("mbs", (bytes.length / best * 1e3).toPrecision(6));
