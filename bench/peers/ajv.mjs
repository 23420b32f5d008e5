// ajv.mjs - the npm package `ajv` on the documents of bench/schema.c: formats asserted, the first error ends it.
// SPDX-License-Identifier: MIT
//
//   node ajv.mjs NAME     -> compile_us, text_us
import { existsSync, readFileSync } from "node:fs";
import Ajv7 from "ajv";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const CHECKS = 2000, ROUNDS = 11;
const read = (ending) =>
  readFileSync([`bench/data/`, `build/bench/data/`].map((at) => at + process.argv[2] + ending).find(existsSync), "utf8");
const schemaText = read(".schema.json"), text = read(".json");
const Ajv = schemaText.includes("draft-07") ? Ajv7.default : Ajv2020;
const ajv = new Ajv({ strict: false, logger: false }); // kept, so that its metaschema is compiled once and not measured
addFormats(ajv);

function compile() {
  const schema = JSON.parse(schemaText);
  const validate = ajv.compile(schema);
  ajv.removeSchema(schema);
  return validate;
}

function best(count, work) {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < count; i++) work();
    least = Math.min(least, Number(process.hrtime.bigint() - start) / count / 1000);
  }
  return least;
}

const validate = compile();
console.log("compile_us", best(2, compile).toPrecision(6));
console.log("text_us", best(CHECKS, () => {
  if (!validate(JSON.parse(text))) throw new Error("ajv refuses the document");
}).toPrecision(6));
