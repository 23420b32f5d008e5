// differences.mjs - where ajv is known to say something else than we do, each with its reason. What is not here fails.
// SPDX-License-Identifier: MIT

// Schemas that ajv does not understand. A row holds only while ajv fails at least one of the group's own tests, whose
// verdicts are not ours but the suite's, and while we pass them all.
const scope = "ajv goes by the name in $dynamicRef alone, not by the resources it came through";
const groups = [
  ["dynamicRef.json", "A $dynamicRef to an $anchor in the same schema resource behaves like a normal $ref to an $anchor", scope],
  ["dynamicRef.json", "A $dynamicRef with intermediate scopes that don't include a matching $dynamicAnchor does not affect dynamic scope resolution", scope],
  ["dynamicRef.json", "An $anchor with the same name as a $dynamicAnchor is not used for dynamic scope resolution", scope],
  ["dynamicRef.json", "A $dynamicRef without a matching $dynamicAnchor in the same schema resource behaves like a normal $ref to $anchor", scope],
  ["dynamicRef.json", "A $dynamicRef with a non-matching $dynamicAnchor in the same schema resource behaves like a normal $ref to $anchor", scope],
  ["dynamicRef.json", "multiple dynamic paths to the $dynamicRef keyword", scope],
  ["dynamicRef.json", "tests for implementation dynamic anchor and reference link", scope],
  ["dynamicRef.json", "$ref and $dynamicAnchor are independent of order - $defs first", scope],
  ["dynamicRef.json", "$ref and $dynamicAnchor are independent of order - $ref first", scope],
  ["dynamicRef.json", "$dynamicRef skips over intermediate resources - direct reference", scope],
  ["schemas.json", "anchors and a dynamic list", scope],
  ["dynamicRef.json", "$dynamicRef points to a boolean schema", "ajv does not see a boolean schema behind $dynamicRef"],
  ["dynamicRef.json", "$dynamicRef avoids the root of each schema, but scopes are still registered",
    "ajv follows $dynamicRef in a circle"],
  ["unevaluatedProperties.json", "unevaluatedProperties with $dynamicRef", "ajv follows $dynamicRef in a circle"],
  ["enum.json", "empty enum", "ajv refuses an empty enum, which the standard only advises against"],
  ["ref.json", "refs with relative uris and defs", "ajv compiles a $ref beside $id in a circle"],
  ["ref.json", "relative refs with absolute uris and defs", "ajv compiles a $ref beside $id in a circle"],
  ["ref.json", "URN ref with nested pointer ref", "ajv compiles a $ref beside $id in a circle"],
  ["unevaluatedItems.json", "unevaluatedItems with nested items", "ajv mixes up which branch of anyOf evaluated the items"],
  ["unevaluatedItems.json", "unevaluatedItems depends on multiple nested contains", "ajv does not keep which items contains evaluated"],
  ["unevaluatedItems.json", "unevaluatedItems and contains interact to control item dependency relationship",
    "ajv does not keep which items contains evaluated"],
  ["unevaluatedItems.json", "unevaluatedItems with minContains = 0", "ajv does not keep which items contains evaluated"],
  ["unevaluatedProperties.json", "unevaluatedProperties can see annotations from if without then and else",
    "ajv leaves out an if that has neither then nor else"],
];

// ---- numbers: a quotient of doubles is not the remainder of two decimals

// "1.25e3" as 125 and 1: the number is mantissa * 10^exponent.
function decimal(text) {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text);
  return { mantissa: BigInt(sign + whole + fraction), exponent: Number(exponent) - fraction.length };
}

function isMultiple(number, of) {
  const [n, m] = [decimal(String(number)), decimal(String(of))];
  const least = Math.min(n.exponent, m.exponent);
  return (n.mantissa * 10n ** BigInt(n.exponent - least)) % (m.mantissa * 10n ** BigInt(m.exponent - least)) === 0n;
}

// What ajv asks; parseInt reads "1e+30" as 1.
const isMultipleToAjv = (number, of) => number / of === parseInt(number / of);

function* find(value, wanted) {
  if (wanted(value)) yield value;
  if (typeof value === "object" && value !== null) for (const child of Object.values(value)) yield* find(child, wanted);
}

function dividesOtherwise({ group, text }) {
  const divisors = [...find(group.schema, (v) => typeof v?.multipleOf === "number")].map((v) => v.multipleOf);
  const numbers = [...find(JSON.parse(text), (v) => typeof v === "number")];
  return numbers.some((n) => divisors.some((of) => isMultiple(n, of) !== isMultipleToAjv(n, of)));
}

// ---- names that every JavaScript object inherits

const inherited = /"(__proto__|constructor|toString)":/g;

// With plain names in their place ajv says what we said.
function inheritsNames({ group, text, our, ajv }) {
  const unevaluated = JSON.stringify(group.schema).includes('"unevaluatedProperties"');
  return unevaluated && text.match(inherited) && ajv(text.replace(inherited, '"~~$1":')) === our;
}

const values = [
  ["ajv's comparison calls the member toString of a value", ({ their, text }) =>
    their === "! a.toString is not a function" && text.includes('"toString":')],
  ["ajv's multipleOf divides doubles, ours decimals", dividesOtherwise],
  ["ajv takes members named like those every object inherits for evaluated", inheritsNames],
];

// Why ajv's verdict differs, or undefined. `difference`: group, text, our and their verdict, ajv (a text's verdict) and
// ajvFails (one of the group's own tests).
export function explanation(difference) {
  if (difference.our !== "0" && difference.our !== "1") return undefined;
  const { file, description } = difference.group;
  const row = groups.find((each) => each[0] === file && each[1] === description);
  if (row && difference.ajvFails) return row[2];
  return values.find(([, holds]) => holds(difference))?.[0];
}
