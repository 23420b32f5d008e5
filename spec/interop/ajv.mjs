// ajv.mjs - the verdicts of our JSON Schema validator against those of the npm package `ajv`, on values changed at random.
// SPDX-License-Identifier: MIT
//
// The schemas are those of spec/interop/ajv/schemas.json, the benchmarks' and, where the JSON Schema suite lies beside the
// repository, all required groups of its draft 2020-12. SEED=n draws other values, COUNT=n as many.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import Ajv2020 from "ajv/dist/2020.js";
import { explanation } from "./ajv/differences.mjs";
import { Mutator, random, vocabulary } from "./ajv/mutate.mjs";

const seed = Number(process.env.SEED ?? 20201212);
const wanted = Number(process.env.COUNT ?? 100000);
const suite = join(process.env.XAI_SHARED || "../shared", "conformance/json-schema");
const read = (path) => JSON.parse(readFileSync(path, "utf8"));

function suiteGroups() {
  const folder = join(suite, "tests/draft2020-12");
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
  return files.flatMap((file) => read(join(folder, file)).map((group) => ({ ...group, file })));
}

function ownGroups() {
  const groups = read("spec/interop/ajv/schemas.json").map((group) => ({ ...group, file: "schemas.json" }));
  for (const name of ["ticket", "package", "workflow"]) {
    const tests = [{ data: read(`bench/data/${name}.json`), valid: true }];
    groups.push({ file: "bench", description: name, schema: read(`bench/data/${name}.schema.json`), tests });
  }
  return groups;
}

// Those that schemas of this draft refer to; other drafts' folders hold what ajv's class for 2020-12 does not know.
function suiteRemotes() {
  const remotes = {};
  const visit = (below) => {
    for (const entry of readdirSync(join(suite, "remotes", below), { withFileTypes: true })) {
      const path = below + "/" + entry.name;
      if (entry.isFile()) remotes["http://localhost:1234" + path] = read(join(suite, "remotes", path));
      else if (!/^draft(?!2020-12)/.test(entry.name)) visit(path);
    }
  };
  if (existsSync(suite)) visit("");
  return remotes;
}

// `count` different texts, or as many as can be found with some patience.
function mutants(group, next, count) {
  const seeds = group.tests.map((each) => each.data);
  const mutator = new Mutator(next, vocabulary(group.schema, ...seeds));
  const texts = new Set(seeds.map((value) => JSON.stringify(value)));
  for (let tries = count * 4; tries > 0 && texts.size < count; tries--) {
    texts.add(JSON.stringify(mutator.mutate(mutator.pick(seeds))));
  }
  return [...texts];
}

function ours(groups, remotes) {
  const lines = groups.map((group) => {
    return `{"schema":${JSON.stringify(group.schema)},"instances":[${group.texts.join(",")}]}`;
  });
  const input = [JSON.stringify({ remotes }), ...lines].join("\n") + "\n";
  const run = spawnSync("build/tools/schema_verdicts", { input, encoding: "utf8", maxBuffer: 1 << 28 });
  assert.equal(run.status, 0, run.stderr || String(run.error));
  const verdicts = run.stdout.trimEnd().split("\n");
  assert.equal(verdicts.length, groups.length);
  return verdicts;
}

// ownProperties: without it ajv finds "toString" in every object.
const options = { strict: false, validateFormats: false, validateSchema: false, ownProperties: true, logger: false };

// A text's verdict by ajv: "1", "0", or "! " and why there is none.
function theirs(schema, remotes) {
  let validate;
  try {
    const ajv = new Ajv2020(options);
    for (const [uri, remote] of Object.entries(remotes)) ajv.addSchema(remote, uri, undefined, false);
    validate = ajv.compile(schema);
  } catch (err) {
    return () => "! " + err.message;
  }
  return (text) => {
    try {
      return validate(JSON.parse(text)) ? "1" : "0";
    } catch (err) {
      return "! " + err.message;
    }
  };
}

const expected = (each) => (each.valid ? "1" : "0");

function compare(group, verdicts, ajv, report) {
  const ajvFails = group.tests.some((each) => ajv(JSON.stringify(each.data)) !== expected(each));
  group.texts.forEach((text, i) => {
    const our = verdicts.startsWith("!") ? verdicts : verdicts[i];
    const their = ajv(text);
    const same = our === their && (our === "0" || our === "1");
    const own = group.tests.find((each) => JSON.stringify(each.data) === text);
    const wrong = own && our !== expected(own);
    const why = same || wrong ? undefined : explanation({ group, text, our, their, ajv, ajvFails });
    report({ group, text, our, their, why, outcome: wrong ? "wrong" : same ? "equal" : why ? "explained" : "unexplained" });
  });
}

test("the verdicts are ajv's, or the difference is explained", () => {
  const remotes = suiteRemotes();
  const groups = [...suiteGroups(), ...ownGroups()];
  const next = random(seed);
  let left = wanted;
  groups.forEach((group, i) => {
    group.texts = mutants(group, next, Math.ceil(left / (groups.length - i)));
    left -= group.texts.length;
  });
  const verdicts = ours(groups, remotes);
  const tally = { run: 0, valid: 0, equal: 0, explained: 0, unexplained: 0, wrong: 0 };
  const reasons = new Map();
  const report = ({ group, text, our, their, why, outcome }) => {
    tally.run++;
    tally[outcome]++;
    if (our === "1") tally.valid++;
    if (outcome === "explained") reasons.set(why, (reasons.get(why) ?? 0) + 1);
    if (outcome === "equal" || outcome === "explained") return;
    console.log(`${outcome} ${group.file}: ${group.description}: ours ${our}, ajv ${their}: ${text}`);
  };
  groups.forEach((group, i) => compare(group, verdicts[i], theirs(group.schema, remotes), report));

  for (const [why, count] of [...reasons].sort()) console.log(`${String(count).padStart(7)} explained: ${why}`);
  console.log(`ajv, seed ${seed}: ${groups.length} schemas, ${tally.run} run (${tally.valid} valid), ` +
    `${tally.equal} equal, ${tally.explained} explained, ${tally.unexplained} unexplained, ${tally.wrong} wrong`);
  assert.equal(tally.unexplained + tally.wrong, 0);
  assert.ok(tally.valid > tally.run / 10 && tally.equal > tally.run / 2, "too few values are valid or equal");
});
