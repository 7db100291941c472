// Does with the Node SDK and `ws` what the integration does: a JSON line for each task and result.
import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [, , packages, baseURL, apiKey] = process.argv;
const require = createRequire(`${packages}/`);
const OpenAI = require("openai").default;
const WebSocket = require("ws");

const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const question = { model: "gpt-5-mini", input: "Is it a good day to hang out the laundry?" };
const bus = new EventEmitter();
let heard = 0;
bus.on("event", () => {
  heard += 1;
});

async function call({ count, flight }) {
  const worker = async () => {
    for (let i = 0; i < Math.floor(count / flight); i += 1) {
      const answer = await client.responses.create(question);
      if (!answer.output_text) throw new Error("no answer");
    }
  };
  await Promise.all(Array.from({ length: flight }, worker));
  return Math.floor(count / flight) * flight;
}

async function stream({ count }) {
  const options = { query: { events: count } };
  for await (const event of await client.responses.create({ ...question, stream: true }, options)) {
    bus.emit("event", event);
  }
  return count;
}

let opened;
async function socket({ count }) {
  opened ??= await new Promise((resolve, reject) => {
    const made = new WebSocket(`${baseURL.replace("http", "ws")}/responses`, {
      headers: { Authorization: `Bearer ${apiKey}` },
    });
    made.on("open", () => resolve(made));
    made.on("error", reject);
  });
  await new Promise((resolve) => {
    const take = (data) => {
      const event = JSON.parse(data);
      bus.emit("event", event);
      if (event.type === "response.completed") {
        opened.off("message", take);
        resolve();
      }
    };
    opened.on("message", take);
    opened.send(JSON.stringify({ type: "response.create", events: count }));
  });
  return count;
}

const tasks = { call, stream, socket };
for await (const line of createInterface({ input: process.stdin })) {
  const { task, ...wish } = JSON.parse(line);
  heard = 0;
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  const units = await tasks[task](wish);
  const used = process.cpuUsage(cpu);
  if (task !== "call" && heard !== units) throw new Error(`heard ${heard} of ${units}`);
  const cost = { wall: (performance.now() - wall) / 1e3, cpu: (used.user + used.system) / 1e6, units };
  process.stdout.write(`${JSON.stringify(cost)}\n`);
}
process.exit(0);
