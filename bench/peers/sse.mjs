// sse.mjs - other parsers of server-sent events over the bytes that bench/sse.c makes.
// SPDX-License-Identifier: MIT
//
//   node sse.mjs eventsource-parser|openai|ai split|json CHUNK     -> ns (an event), mbs; ai: json alone
import { execFileSync } from "node:child_process";

const [peer, mode, chunk] = process.argv.slice(2);
const size = Number(chunk), json = mode === "json";
const EVENT = 245, EVENTS = size === 1 ? 256 : 4096, ROUNDS = 12; // one byte a chunk takes some of them long
const bytes = execFileSync("build/bench/sse", ["--bytes"], { maxBuffer: 1 << 24 }).subarray(0, EVENT * EVENTS);
const pieces = [];
for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));

// A piece when it is asked for, as a socket gives them.
function streamOf(list) {
  let at = 0;
  return new ReadableStream({ pull(to) { if (at < list.length) to.enqueue(list[at++]); else to.close(); } });
}

async function eventsourceParser() {
  const { createParser } = await import("eventsource-parser");
  return async () => {
    let events = 0, length = 0;
    const decoder = new TextDecoder();
    const parser = createParser({ onEvent(event) {
      events++;
      length += json ? JSON.parse(event.data).delta.length : event.data.length;
    } });
    for (const piece of pieces) parser.feed(decoder.decode(piece, { stream: true }));
    return events;
  };
}

async function openai() {
  const { Stream } = await import("openai/streaming");
  return async () => {
    let events = 0;
    for await (const event of Stream.fromSSEResponse(new Response(streamOf(pieces)), new AbortController())) {
      events++;
      if (event.delta === undefined) throw new Error("not an event of ours");
    }
    return events;
  };
}

// The decoder below the SDK's streams: events with their data as text.
async function openaiSplit() {
  const { _iterSSEMessages } = await import("openai/core/streaming");
  return async () => {
    let events = 0, length = 0;
    for await (const event of _iterSSEMessages(new Response(streamOf(pieces)), new AbortController())) {
      events++;
      length += event.data.length;
    }
    if (length === 0) throw new Error("no data");
    return events;
  };
}

// What the SDK's providers read their streams with; any event will do.
async function ai() {
  const { parseJsonEventStream } = await import("@ai-sdk/provider-utils");
  const { z } = await import("zod/v4");
  const schema = z.looseObject({ type: z.string(), delta: z.string() });
  return async () => {
    let events = 0;
    for await (const part of parseJsonEventStream({ stream: streamOf(pieces), schema })) if (part.success) events++;
    return events;
  };
}

const round = await { "eventsource-parser": eventsourceParser, openai: json ? openai : openaiSplit, ai }[peer]();
let best = Infinity;
for (let i = 0; i < ROUNDS; i++) {
  const from = process.hrtime.bigint();
  const events = await round();
  if (events !== EVENTS) throw new Error(`${events} events`);
  best = Math.min(best, Number(process.hrtime.bigint() - from));
}
console.log("ns", (best / EVENTS).toPrecision(6));
console.log("mbs", (bytes.length / best * 1e3).toPrecision(6));
