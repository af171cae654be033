// Uses the client that @hey-api/openapi-ts made, compiled: FOLDER URL SHORT LONG; prints what it saw as JSON.

import { readFileSync } from "node:fs";

const [folder, url, short, long] = process.argv.slice(2);
const sdk = await import(`${folder}/sdk.gen.js`);
const { createClient } = await import(`${folder}/client/index.js`);
const client = createClient({ baseUrl: url, throwOnError: true });
const audio = readFileSync(short);
const file = new File([audio], "a.flac", { type: "audio/flac" });
const options = { client, throwOnError: true };

const job = (await sdk.createJob({ ...options, body: { file, language: "en", wait: 30 } })).data;
const path = { job_id: job.id };
const formats = {
  srt: (await sdk.getTranscriptSrt({ ...options, path })).data,
  vtt: (await sdk.getTranscriptVtt({ ...options, path })).data,
  txt: (await sdk.getTranscriptTxt({ ...options, path })).data,
  tsv: (await sdk.getTranscriptTsv({ ...options, path })).data,
  ass: (await sdk.getTranscriptAss({ ...options, path })).data,
  ttml: (await sdk.getTranscriptTtml({ ...options, path })).data,
  md: (await sdk.getTranscriptMd({ ...options, path })).data,
  "timed.txt": (await sdk.getTranscriptTimedTxt({ ...options, path })).data,
};
const documents = [];
for (const get of [sdk.getTranscriptDocx, sdk.getTranscriptPdf]) {
  const file = (await get({ ...options, path })).data;
  documents.push(Buffer.from(await file.arrayBuffer()).subarray(0, 4).toString("hex"));
}
const running = (
  await sdk.createJob({ ...options, body: { file: new File([readFileSync(long)], "a.flac"), prompt: "openapi-ts" } })
).data;
const cancelled = (await sdk.cancelJob({ ...options, path: { job_id: running.id } })).data;
const opened = await sdk.createUpload({ ...options, headers: { "Upload-Length": audio.length } });
const upload = { upload_id: opened.response.headers.get("Location").split("/").at(-1) };
const half = audio.length >> 1;
let offset = "";
for (const [begin, piece] of [[0, audio.subarray(0, half)], [half, audio.subarray(half)]]) {
  await sdk.appendUpload({ ...options, path: upload, body: new Blob([piece]), headers: { "Upload-Offset": begin } });
  offset = (await sdk.getUpload({ ...options, path: upload })).response.headers.get("Upload-Offset");
}
const resumed = (
  await sdk.createJobFromUpload({ ...options, path: upload, query: { wait: 30 }, body: { options: { language: "en" } } })
).data;
console.log(
  JSON.stringify({
    text: job.transcript.text,
    json: ((await sdk.getTranscript({ ...options, path })).data).text,
    formats,
    documents,
    listed: (await sdk.listJobs({ ...options, query: { page_size: 1000 } })).data.jobs.some((one) => one.id === job.id),
    cancelled: cancelled.state,
    offset: Number(offset),
    resumed: resumed.transcript.text,
  }),
);
