// schema_ajv.mjs - build/bench/schema and the npm package `ajv` in turns: their medians, side by side.
// SPDX-License-Identifier: MIT
//
// Runs from build/interop, where ajv is; see tools/bench_ajv.sh. Both assert formats and stop at the first error. ajv
// keeps its instance, so that its metaschema is compiled once and outside of what is measured.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const ROUNDS = 11, CHECKS = 2000, COMPILES = 2, KINDS = 4;
const names = ["ticket", "package", "workflow"];
const read = (name) => readFileSync(`bench/data/${name}.json`, "utf8");
const subjects = names.map((name) => ({ name, schema: read(name + ".schema"), document: read(name) }));
const ajv = new Ajv2020({ strict: false });
addFormats(ajv);

function compile(schemaText) {
  const schema = JSON.parse(schemaText);
  const validate = ajv.compile(schema);
  ajv.removeSchema(schema);
  return validate;
}

function timed(count, work) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) work();
  return Number(process.hrtime.bigint() - start) / count / 1000;
}

for (const each of subjects) each.validate = compile(each.schema);

function theirRound() {
  return subjects.flatMap(({ schema, document, validate }) => [
    timed(COMPILES, () => compile(schema)),
    timed(CHECKS, () => {
      if (!validate(JSON.parse(document))) throw new Error("ajv refuses the document");
    }),
  ]);
}

const child = spawn("build/bench/schema", ["--rounds"], { stdio: ["pipe", "pipe", "inherit"] });
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

async function ourRound() {
  child.stdin.write("\n");
  const { value, done } = await lines.next();
  if (done) throw new Error("build/bench/schema has ended");
  const numbers = value.split(" ").map(Number);
  return subjects.flatMap((_, i) => [numbers[i * KINDS], numbers[i * KINDS + KINDS - 1]]);
}

const median = (rounds, i) => rounds.map((round) => round[i]).sort((a, b) => a - b)[rounds.length >> 1];
const mine = [], peers = [];
theirRound(); // V8 compiles what runs often: not in a measured round
for (let round = 0; round < ROUNDS; round++) {
  mine.push(await ourRound());
  peers.push(theirRound());
}
child.stdin.end();

const row = (name, our, their) => {
  const cells = [our.toFixed(2), their.toFixed(2), (their / our).toFixed(1) + "x"].map((text) => text.padStart(12));
  console.log(name.padEnd(44) + cells.join(""));
};
console.log(`us, medians of ${ROUNDS} rounds in turns`.padEnd(44) + ["xai", "ajv", "ajv / xai"].map((t) => t.padStart(12)).join(""));
subjects.forEach(({ name, schema, document }, i) => {
  row(`${name}: schema of ${Buffer.byteLength(schema)} bytes compiled`, median(mine, 2 * i), median(peers, 2 * i));
  row(`${name}: text of ${Buffer.byteLength(document)} bytes to verdict`, median(mine, 2 * i + 1), median(peers, 2 * i + 1));
});
console.log("a Lua validator on LuaJIT".padEnd(44) + "missing: none is installed here");
