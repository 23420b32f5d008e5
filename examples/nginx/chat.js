// chat.js - asks, and shows the answer as it comes. What the model says is text and is put in as text: no HTML, ever.
// SPDX-License-Identifier: MIT
"use strict";

const form = document.getElementById("form");
const question = document.getElementById("question");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const talk = document.getElementById("talk");
let asking = null; // the AbortController of the answer that comes

function paragraph(kind, text) {
  const p = document.createElement("p");
  p.className = kind;
  p.textContent = text;
  talk.append(p);
  p.scrollIntoView({ block: "end" });
  return p;
}

// The events of a stream of server-sent events (nginx sends "event:", "data:" and an empty line, with LF).
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n").filter((line) => line.startsWith("data: "));
      if (lines.length > 0) yield JSON.parse(lines.map((line) => line.slice(6)).join("\n"));
    }
  }
}

async function ask(text) {
  asking = new AbortController();
  const response = await fetch("chat", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ question: text }),
    signal: asking.signal,
  });
  if (!response.ok) throw new Error((await response.json()).error.message);
  const answer = paragraph("answer", "");
  let complete = false;
  for await (const event of events(response.body)) {
    if (event.type === "response.output_text.delta") answer.append(event.delta); // append makes a text node
    if (event.type === "response.completed") complete = true;
    if (event.type === "error") throw new Error(event.message);
  }
  if (!complete) throw new Error("the answer broke off");
}

form.addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const text = question.value.trim();
  if (asking || text === "") return;
  question.value = "";
  paragraph("question", text);
  send.disabled = true;
  stop.disabled = false;
  try {
    await ask(text);
  } catch (fault) {
    paragraph("fault", fault.name === "AbortError" ? "stopped" : fault.message);
  }
  asking = null;
  send.disabled = false;
  stop.disabled = true;
  question.focus();
});

stop.addEventListener("click", () => asking && asking.abort());
