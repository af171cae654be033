// Transcribes a file with the compiled client over a stream of events that is cut once, and says what it saw.
// Arguments: folder of the compiled client, base URL, file.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [compiled, baseUrl, file] = process.argv.slice(2);
const { SayIt, ProblemError } = await import(pathToFileURL(`${compiled}/index.js`).href);

const connections = [];
const realFetch = globalThis.fetch;
globalThis.fetch = async (url, options) => {
  const answer = await realFetch(url, options);
  if (!String(url).endsWith("/events")) return answer;
  connections.push(options.headers["Last-Event-ID"] ?? null);
  return connections.length > 1 ? answer : new Response(answer.body.pipeThrough(cutAfter(2)), answer);
};

/** Lets so many numbered events through, and ends. */
function cutAfter(count) {
  let text = "";
  const decoder = new TextDecoder();
  return new TransformStream({
    transform(piece, controller) {
      text += decoder.decode(piece, { stream: true });
      const events = text.split("\n\n");
      text = events.pop();
      for (const event of events) {
        controller.enqueue(new TextEncoder().encode(`${event}\n\n`));
        if (event.startsWith("id:") && --count === 0) return controller.terminate();
      }
    },
  });
}

const client = new SayIt({ baseUrl, apiKey: "key-1" });
const seen = [];
const progress = [];
const audio = new Blob([await readFile(file)], { type: "audio/wav" });
const transcript = await client.transcribe(audio, {
  filename: "회의.wav",
  language: "ko",
  onEvent: (event) => seen.push([event.type, event.seq]),
  onUploadProgress: (sent, total) => progress.push([sent, total]),
});
const refused = await client.createJob(new Blob(["no audio at all ".repeat(100)], { type: "text/plain" })).catch((error) => error);
console.log(
  JSON.stringify({
    text: transcript.text,
    seen,
    connections,
    sent: progress.at(-1),
    steps: progress.length,
    refused: refused instanceof ProblemError && refused.problem.code,
    srt: await client.rendered("job-1", "srt"),
    state: (await client.job("job-1")).state,
  }),
);
