// A node that gives the package's nodes work, and consumes what they send: the part that an
// automation has in Home Assistant. Reads a JSON line for each task, writes one for each result.
"use strict";
const { createInterface } = require("node:readline");

const QUESTION = { model: "gpt-5-mini", input: "Is it a good day to hang out the laundry?" };
const CONNECTION = "benchmark";

module.exports = function (RED) {
  function Benchmark(config) {
    RED.nodes.createNode(this, config);
    const node = this;
    let take = () => {};
    node.on("input", (message, _send, done) => {
      if (message.error) write({ error: message.error.message });
      else take(message);
      done();
    });

    // Its outputs are wired to the package's nodes, in this order.
    const OUTPUTS = ["call", "stream", "socket", "stream-function", "socket-function"];
    const give = (name, payload) =>
      node.send(OUTPUTS.map((output) => (output === name ? { payload } : null)));
    const ask = () => give("call", { ...QUESTION });

    function call({ count, flight }) {
      const total = Math.floor(count / flight) * flight;
      return new Promise((resolve, reject) => {
        let [asked, answered] = [flight, 0];
        take = ({ payload }) => {
          if (!payload.output_text) reject(new Error("no answer"));
          answered += 1;
          if (asked < total) {
            asked += 1;
            ask();
          } else if (answered === total) resolve(total);
        };
        for (let number = 0; number < flight; number += 1) ask();
      });
    }

    // Hears events until the last; what the node says about its own work is none. A function
    // node passes on only the last, whose number tells how many there were.
    function receive(count, start, look = () => {}) {
      return new Promise((resolve, reject) => {
        let heard = 0;
        take = ({ payload, is_last }) => {
          if (payload.object === "response.websocket.client_event") return;
          heard += 1;
          look(payload);
          if (payload.type !== "response.completed") return;
          if (is_last) heard = payload.sequence_number + 1;
          if (heard === count) resolve(count);
          else reject(new Error(`heard ${heard} of ${count}`));
        };
        start();
      });
    }

    const manage = (name, action, more) =>
      give(name, { action, connection_id: CONNECTION, ...more });
    const wish = (name, more) => manage(name, "send", { event: { type: "response.create", ...more } });

    const tasks = {
      call,
      stream: ({ count, node: name }) =>
        receive(count, () => give(name, { ...QUESTION, stream: true })),
      socket: ({ count, node: name }) => receive(count, () => wish(name, { events: count })),
      connect: ({ node: name }) =>
        new Promise((resolve) => {
          take = () => resolve(1);
          manage(name, "connect");
        }),
    };

    async function latency({ count, pace }) {
      const times = [];
      // Both read the system's monotonic clock; the server stamps its events with it.
      const look = ({ sent }) => {
        if (sent !== undefined) times.push(Number(process.hrtime.bigint()) / 1e9 - sent);
      };
      await receive(count, () => wish("socket", { events: count, pace }), look);
      times.sort((one, other) => one - other);
      return times[Math.floor(times.length / 2)];
    }

    async function work() {
      for await (const line of createInterface({ input: process.stdin })) {
        const { task, ...wanted } = JSON.parse(line);
        try {
          if (task === "latency") {
            write({ seconds: await latency(wanted) });
            continue;
          }
          const [wall, cpu] = [performance.now(), process.cpuUsage()];
          const units = await tasks[task](wanted);
          const used = process.cpuUsage(cpu);
          const seconds = (performance.now() - wall) / 1e3;
          write({ wall: seconds, cpu: (used.user + used.system) / 1e6, units });
        } catch (error) {
          write({ error: error.message });
        }
      }
      process.exit(0);
    }

    function write(result) {
      process.stdout.write(`${JSON.stringify(result)}\n`);
    }

    RED.events.once("flows:started", () => {
      write({ ready: true });
      work();
    });
  }
  RED.nodes.registerType("benchmark", Benchmark);
};
