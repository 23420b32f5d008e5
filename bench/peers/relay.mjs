// relay.mjs - relays in node: the bytes as they come (undici), or each event read by openai's SDK and written again.
// SPDX-License-Identifier: MIT
//
//   node relay.mjs pipe|openai PORT API
import { createServer } from "node:http";
import OpenAI from "openai";
import { Agent, request } from "undici";

const [who, port, api] = process.argv.slice(2);
const dispatcher = new Agent({ connections: 20000, bodyTimeout: 0, headersTimeout: 0 });
const client = new OpenAI({ apiKey: "xai-benchmark", baseURL: api, maxRetries: 0 });

async function pipe(body, response) {
  const answer = await request(api + "/responses", { method: "POST", body, dispatcher,
    headers: { "content-type": "application/json", authorization: "Bearer xai-benchmark" } });
  response.writeHead(200, { "content-type": "text/event-stream" });
  answer.body.on("error", () => response.destroy());
  answer.body.pipe(response);
}

async function openai(body, response) {
  const events = await client.responses.create({ ...JSON.parse(body), stream: true });
  response.writeHead(200, { "content-type": "text/event-stream" });
  for await (const event of events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
}

const pass_on = { pipe, openai }[who];
createServer(async (asked, response) => {
  if (asked.url === "/ready") return response.writeHead(204).end();
  const parts = [];
  for await (const part of asked) parts.push(part);
  pass_on(Buffer.concat(parts).toString(), response).catch(() => response.destroy());
}).listen(Number(port), "127.0.0.1");
