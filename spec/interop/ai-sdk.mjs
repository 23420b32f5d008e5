// ai-sdk.mjs - the AI SDK with its xAI provider, unchanged, against the simulator.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";
import { createXai } from "@ai-sdk/xai";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

const xai = createXai({ baseURL: process.env.XAI_BASE_URL, apiKey: process.env.XAI_API_KEY });
const prompt = "What is the weather in Brest?";

// Both ways the provider speaks: chat completions and responses.
for (const [name, model] of [["chat", xai.chat("grok-4.6")], ["responses", xai.responses("grok-4.6")]]) {
  test(`${name}: generates a text`, async () => {
    const { text, usage, finishReason } = await generateText({ model, prompt, maxRetries: 0 });
    assert.ok(text.length > 0);
    assert.equal(finishReason, "stop");
    assert.ok(usage.totalTokens > 0);
  });

  test(`${name}: streams a text`, async () => {
    const stream = streamText({ model, prompt, maxRetries: 0 });
    let text = "";
    for await (const piece of stream.textStream) text += piece;
    assert.ok(text.length > 0);
    assert.equal(await stream.text, text);
  });

  test(`${name}: runs a tool and answers with its result`, async () => {
    const cities = [];
    const weather = tool({
      description: "The weather in a city.",
      inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }),
      execute: async ({ city }) => cities.push(city) && "light rain",
    });
    const { text } = await generateText({ model, prompt, tools: { weather }, stopWhen: stepCountIs(3), maxRetries: 0 });
    assert.deepEqual(cities, ["Brest"]);
    assert.ok(text.length > 0);
  });
}
