// Uses the official `openai` package for Node: URL RECORDING; prints what it saw as JSON.

import { createReadStream } from "node:fs";
import OpenAI from "openai";

const [url, recording] = process.argv.slice(2);
const client = new OpenAI({ apiKey: "sk-anything", baseURL: `${url}/v1`, maxRetries: 0 });
const create = (options) =>
  client.audio.transcriptions.create({ file: createReadStream(recording), model: "whisper-1", ...options });

let deltas = "";
let done = "";
for await (const event of await create({ stream: true, language: "en" })) {
  if (event.type === "transcript.text.delta") deltas += event.delta;
  if (event.type === "transcript.text.done") done = event.text;
}
const refused = await create({ model: "none" }).catch((error) => [error.status, error.code]);
const verbose = await create({
  response_format: "verbose_json",
  timestamp_granularities: ["word", "segment"],
  language: "en",
  guard: "off",
});
console.log(
  JSON.stringify({
    text: (await create({ language: "en" })).text,
    srt: await create({ response_format: "srt" }),
    words: verbose.words.length,
    deltas,
    done,
    refused,
    models: (await client.models.list()).data.map((model) => model.id),
  }),
);
