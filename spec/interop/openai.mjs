// openai.mjs - the npm package `openai`, unchanged, against the simulator: it completes, streams and calls a tool.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.XAI_BASE_URL, apiKey: process.env.XAI_API_KEY, maxRetries: 0 });
const model = "grok-4.6";
const question = { role: "user", content: "What is the weather in Brest?" };
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "get_weather", description: "The weather in a city.", parameters };

test("lists the models", async () => {
  const ids = [];
  for await (const each of client.models.list()) ids.push(each.id);
  assert.ok(ids.includes(model), ids.join(" "));
});

test("completes a chat", async () => {
  const answer = await client.chat.completions.create({ model, messages: [{ role: "user", content: "Greet me." }] });
  assert.equal(answer.object, "chat.completion");
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.ok(answer.usage.total_tokens > 0);
});

test("streams a chat into the text of its last message", async () => {
  const stream = client.chat.completions.stream({ model, messages: [{ role: "user", content: "Greet me." }] });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  const whole = await stream.finalChatCompletion();
  assert.ok(text.length > 0);
  assert.equal(whole.choices[0].message.content, text);
});

test("calls a tool in a chat and takes its result", async () => {
  const tools = [{ type: "function", function: weather }];
  const first = await client.chat.completions.create({ model, messages: [question], tools, tool_choice: "required" });
  const message = first.choices[0].message;
  const call = message.tool_calls[0];
  assert.equal(first.choices[0].finish_reason, "tool_calls");
  assert.equal(call.function.name, "get_weather");
  assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
  const result = { role: "tool", tool_call_id: call.id, content: "light rain, 14 degrees" };
  const second = await client.chat.completions.create({ model, messages: [question, message, result], tools });
  assert.equal(second.choices[0].finish_reason, "stop");
  assert.ok(second.choices[0].message.content.length > 0);
});

test("creates a response", async () => {
  const response = await client.responses.create({ model, input: "Why do tides lag the Moon?" });
  assert.equal(response.status, "completed");
  assert.ok(response.output_text.length > 0);
});

test("streams a response into the object that ends it", async () => {
  const stream = client.responses.stream({ model, input: "Why do tides lag the Moon?" });
  let text = "";
  for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
  const whole = await stream.finalResponse();
  assert.equal(whole.status, "completed");
  assert.ok(text.length > 0);
  assert.equal(whole.output_text, text);
});

test("calls a tool in a response and takes its result", async () => {
  const tools = [{ type: "function", ...weather, strict: false }];
  const first = await client.responses.create({ model, input: [question], tools, tool_choice: "required" });
  const call = first.output.find((item) => item.type === "function_call");
  assert.equal(call.name, "get_weather");
  const result = { type: "function_call_output", call_id: call.call_id, output: "light rain, 14 degrees" };
  const second = await client.responses.create({ model, input: [result], tools, previous_response_id: first.id });
  assert.equal(second.status, "completed");
  assert.ok(second.output_text.length > 0);
});

test("turns a refusal into its own error class", async () => {
  const stranger = new OpenAI({ baseURL: process.env.XAI_BASE_URL, apiKey: "not-a-key", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), (err) => err instanceof OpenAI.APIError && err.status < 500);
});
