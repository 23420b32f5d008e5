// load.mjs - other clients under the same load: what a request and an event cost them.
// SPDX-License-Identifier: MIT
//
//   node load.mjs openai|ai|undici request BASE COUNT   -> cpu_us (a request)
//   node load.mjs openai|ai|undici streams BASE COUNT   -> cpu_us (an event)
//   node load.mjs openai|ai|undici slow BASE COUNT SECONDS -> kib (a stream), p99_ms, cpu_us
//   node load.mjs openai|ai|undici cold BASE            -> nothing: to be timed from outside
const [peer, mode, base, count, seconds] = process.argv.slice(2);
const n = Number(count);
const body = { model: "grok-4.6", input: "Tides?" };

const figure = (name, value) => console.log(name, value.toPrecision(6));
const cpu = () => { const u = process.cpuUsage(); return u.user + u.system; };
const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const rssKib = () => process.memoryUsage.rss() / 1024;

async function openai() {
  const { default: OpenAI } = await import("openai");
  const client = new OpenAI({ apiKey: "xai-benchmark", baseURL: base, maxRetries: 0 });
  return {
    ask: () => client.responses.create(body),
    async stream(onText) {
      const events = await client.responses.create({ ...body, stream: true });
      for await (const event of events) if (event.type === "response.output_text.delta") onText(event.delta);
    },
  };
}

async function ai() {
  const { generateText, streamText } = await import("ai");
  const { createXai } = await import("@ai-sdk/xai");
  const model = createXai({ apiKey: "xai-benchmark", baseURL: base }).responses("grok-4.6");
  return {
    ask: () => generateText({ model, prompt: "Tides?", maxRetries: 0 }),
    async stream(onText) {
      const { textStream } = streamText({ model, prompt: "Tides?", maxRetries: 0 });
      for await (const text of textStream) onText(text);
    },
  };
}

async function undici() {
  const { request, Agent } = await import("undici");
  const { createParser } = await import("eventsource-parser");
  const dispatcher = new Agent({ connections: 20000, bodyTimeout: 0, headersTimeout: 0 });
  const send = (text) => request(base + "/responses", { method: "POST", body: text, dispatcher,
    headers: { "content-type": "application/json", authorization: "Bearer xai-benchmark" } });
  return {
    async ask() { return (await send(JSON.stringify(body))).body.json(); },
    async stream(onText) {
      const answer = await send(JSON.stringify({ ...body, stream: true }));
      const decoder = new TextDecoder();
      const parser = createParser({ onEvent(event) {
        const data = JSON.parse(event.data);
        if (data.type === "response.output_text.delta") onText(data.delta);
      } });
      for await (const chunk of answer.body) parser.feed(decoder.decode(chunk, { stream: true }));
    },
  };
}

const client = await { openai, ai, undici }[peer]();

if (mode === "cold") {
  await client.ask();
} else if (mode === "request") {
  for (let i = 0; i < 300; i++) await client.ask(); // V8 compiles what runs often: not in what is measured
  const from = cpu();
  for (let i = 0; i < n; i++) await client.ask();
  figure("cpu_us", (cpu() - from) / n);
} else if (mode === "streams") {
  let events = 0;
  const from = cpu();
  await Promise.all(Array.from({ length: n }, () => client.stream(() => { events++; })));
  figure("cpu_us", (cpu() - from) / events);
  figure("events", events);
} else if (mode === "slow") {
  const delays = [];
  let timedFrom = Infinity, seen = 0;
  const onText = (text) => {
    seen++;
    const sent = Number(text);
    if (sent > timedFrom) delays.push(nowUs() - sent);
  };
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  async function open(many) {
    for (let i = 0; i < many; i++) {
      client.stream(onText).catch(() => {});
      if (i % 50 === 49) await sleep(2);
    }
    await sleep(2000);
  }
  const first = Math.floor(n / 10);
  await open(first);
  const before = rssKib();
  await open(n - first);
  timedFrom = nowUs();
  const from = cpu(), had = seen;
  await sleep(Number(seconds) * 1000);
  figure("kib", (rssKib() - before) / (n - first));
  figure("cpu_us", (cpu() - from) / (seen - had));
  delays.sort((a, b) => a - b);
  figure("p50_ms", delays[Math.floor(delays.length * 0.5)] / 1000);
  figure("p99_ms", delays[Math.floor(delays.length * 0.99)] / 1000);
}
process.exit(0);
