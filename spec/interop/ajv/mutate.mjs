// mutate.mjs - changes JSON values at random, the same way for the same seed: types, texts, numbers, members, order.
// SPDX-License-Identifier: MIT

const words = ["", "a", "foo", "bar", "\u00e9", "\u{1f600}", "0", "true", "__proto__", "constructor", "toString", "a/b", "~"];
const numbers = [0, 1, -1, 2, 0.5, 1.5, -0.25, 3, 10, 100, 1e10, 1e-7, 9007199254740991, -1e21, 1e300];
const others = [null, true, false, [], {}, [null], { a: 1 }, [[]], [1, 2, 3], { foo: {} }];

// A generator of numbers in [0, 1): xorshift with 32 bits.
export function random(seed) {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const children = (value) => (typeof value === "object" && value !== null ? Object.values(value) : []);
const count = (value) => children(value).reduce((sum, child) => sum + count(child), 1);

// Object.fromEntries makes "__proto__" a member like any other.
const mapValues = (value, fn) =>
  Array.isArray(value) ? value.map(fn) : Object.fromEntries(Object.entries(value).map(([key, v]) => [key, fn(v)]));

// Everything a schema and its instances speak of: what a change draws from, so that it comes near the schema's edges.
export function vocabulary(...values) {
  const found = { keys: new Set(words), scalars: [...words, ...numbers], others: [...others] };
  const visit = (value) => {
    if (typeof value === "object" && value !== null) {
      if (isObject(value)) for (const key of Object.keys(value)) found.keys.add(key);
      if (count(value) < 12) found.others.push(value);
      children(value).forEach(visit);
    } else found.scalars.push(value);
    if (typeof value === "number") found.scalars.push(value + 1, value - 1, value / 2, value * 3);
  };
  values.forEach(visit);
  found.keys = [...found.keys];
  return found;
}

export class Mutator {
  constructor(next, found) {
    this.next = next;
    this.found = found;
  }

  below(n) {
    return Math.floor(this.next() * n);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  any() {
    return this.next() < 0.7 ? this.pick(this.found.scalars) : this.pick(this.found.others);
  }

  shuffled(list) {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i--) {
      const k = this.below(i + 1);
      [out[i], out[k]] = [out[k], out[i]];
    }
    return out;
  }

  number(n) {
    return this.pick([n + 1, n - 1, n + 0.5, -n, n * 10, n / 10, n * 2, Math.trunc(n), n * 1e15, n / 3]);
  }

  // By whole characters, so that no half of a surrogate pair is left.
  string(text) {
    const chars = [...text];
    const at = this.below(chars.length + 1);
    const with_ = (char) => [...chars.slice(0, at), char, ...chars.slice(at)].join("");
    const without = [...chars.slice(0, at), ...chars.slice(at + 1)].join("");
    return this.pick([
      with_("a"), with_("\u{1f600}"), with_("9"), with_("\n"), without, without, text + text, text.toUpperCase(),
      text.toLowerCase(), chars.slice(0, at).join(""), this.shuffled(chars).join(""),
    ]);
  }

  array(list) {
    const at = this.below(list.length + 1);
    const added = [...list.slice(0, at), this.any(), ...list.slice(at)];
    const removed = list.filter((_, i) => i !== at);
    const doubled = list.length > 0 ? [...list, this.pick(list)] : added;
    return this.pick([added, removed, doubled, this.shuffled(list), [...list, ...list], list.slice(0, at)]);
  }

  object(value) {
    const entries = Object.entries(value);
    const at = this.below(entries.length);
    const key = this.pick(this.found.keys);
    const removed = entries.filter((_, i) => i !== at);
    const renamed = entries.map(([k, v], i) => [i === at ? key : k, v]);
    const copied = entries.length > 0 ? [...entries, [key, entries[at][1]]] : entries;
    const added = [...entries, [key, this.any()]];
    return Object.fromEntries(this.pick([added, added, removed, renamed, copied, this.shuffled(entries)]));
  }

  here(value) {
    const chance = this.next();
    if (chance < 0.2) return this.any();
    if (chance < 0.25) return this.pick([[value], { [this.pick(this.found.keys)]: value }, [value, value]]);
    if (typeof value === "number") return this.number(value);
    if (typeof value === "string") return this.string(value);
    if (Array.isArray(value)) return this.array(value);
    if (isObject(value)) return this.object(value);
    return this.any();
  }

  // One change at a place anywhere in the value.
  once(value) {
    let left = this.below(count(value));
    const walk = (v) => (left-- === 0 ? this.here(v) : children(v).length > 0 ? mapValues(v, walk) : v);
    return walk(value);
  }

  mutate(value) {
    for (let changes = 1 + this.below(3); changes > 0; changes--) value = this.once(value);
    return value;
  }
}
