// Speaks into a live session whose connection is cut, and says what it heard. Arguments: folder of the compiled client, base URL.
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const [compiled, baseUrl] = process.argv.slice(2);
const { SayIt } = await import(pathToFileURL(`${compiled}/index.js`).href);

const client = new SayIt({ baseUrl, apiKey: "key-1" });
const session = client.streamRecognize({ language: "ko", sampleRate: 8_000, silenceMs: 400, filename: "talk", refine: true });
const speaking = (async () => {
  for (let sample = 0; sample < 99; sample += 3) {
    session.send(Int16Array.of(sample, sample + 1, sample + 2));
    await setTimeout(1);
  }
  session.finish();
})();
const events = [];
for await (const event of session) events.push(event);
await speaking;
const refused = client.streamRecognize({ language: "xx" });
const wrong = await refused[Symbol.asyncIterator]().next().catch((error) => error.problem.code);
console.log(JSON.stringify({ events, wrong }));
