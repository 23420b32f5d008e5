// blaze.mjs - Blaze (C++), as the program of the npm package `@sourcemeta/jsonschema`, on the documents of bench/schema.c.
// SPDX-License-Identifier: MIT
//
//   node blaze.mjs NAME         -> value_us, text_us, compile_us; in its fast mode, formats asserted
//   node blaze.mjs NAME own     -> text_us: what one line more in a file of such documents costs its program
//
// The program times its check of a parsed value alone. text_us adds what parsing costs us, which is less than its own
// parser needs; that of `own` has its own parser, and whatever else the program does for a document. compile_us is the CPU time that a run with this schema takes more than one with an empty schema; the lesser of
// two commands of it, for each does a little besides.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const [name, own] = process.argv.slice(2);
const program = `build/peers/node_modules/@sourcemeta/jsonschema/build/github-releases/jsonschema-${process.platform}-${
  process.arch === "x64" ? "x86_64" : process.arch}`;
if (!existsSync(program)) throw new Error("no program for this system");
const schema = [`bench/data/${name}.schema.json`, `build/bench/data/${name}.schema.json`].find(existsSync);
const document = `bench/data/${name}.json`, empty = "build/bench/data/empty.json";
writeFileSync(empty, '{"$schema":"http://json-schema.org/draft-07/schema#"}');

const said = (command, args) => execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const figure = (text, pattern) => Number(pattern.exec(text)[1]);
const least = (rounds, work) => Math.min(...Array.from({ length: rounds }, work));

function value() {
  return figure(said(program, ["validate", schema, document, "--fast", "-F", "--benchmark", "--loop", "5000"]),
    /PASS ([\d.]+)/);
}

function took(args, rounds = 15) {
  return figure(said("build/bench/cold", [String(rounds), program, ...args]), /cpu_ms ([\d.]+)/) * 1000;
}

function lines(count) {
  const file = `build/bench/data/${name}.jsonl`;
  writeFileSync(file, (readFileSync(document, "utf8").trim() + "\n").repeat(count));
  return took(["validate", schema, file, "--fast", "-F"], 3);
}

if (own) {
  const FEW = 1000, MANY = 4000;
  console.log("text_us", ((lines(MANY) - lines(FEW)) / (MANY - FEW)).toPrecision(6));
  process.exit(0);
}

const checked = least(5, value);
const parsed = figure(said("build/bench/schema", [name]), /parse_us ([\d.]+)/);
const compiled = [(what) => ["validate", what, document, "--fast", "-F"], (what) => ["compile", what, "--fast", "-F", "-m"]]
  .map((of) => took(of(schema)) - took(of(empty)));
console.log("value_us", checked.toPrecision(6));
console.log("text_us", (checked + parsed).toPrecision(6));
console.log("compile_us", Math.min(...compiled).toPrecision(6));
