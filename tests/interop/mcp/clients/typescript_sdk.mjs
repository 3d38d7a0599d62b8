// The official TypeScript SDK: runs the script's steps and prints what it saw as JSON.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const spec = JSON.parse(process.argv[2]);

function transport(to) {
  if (to.command) {
    const [command, ...args] = to.command;
    return new StdioClientTransport({ command, args, env: to.env, stderr: "ignore" });
  }
  const headers = { Authorization: `Bearer ${to.token}` };
  return new StreamableHTTPClientTransport(new URL(to.url), { requestInit: { headers } });
}

async function call(client, name, args) {
  try {
    const result = await client.callTool({ name, arguments: args });
    return {
      structured: result.structuredContent,
      text: result.content.map((part) => part.text),
      is_error: Boolean(result.isError),
    };
  } catch (error) {
    return { error: { code: error.code, message: error.message } };
  }
}

async function cancelled(client, name, args) {
  const began = performance.now();
  const stop = new AbortController();
  const running = client.callTool({ name, arguments: args }, undefined, { signal: stop.signal });
  setTimeout(() => stop.abort("interop"), 400);
  await running.catch(() => undefined);
  return { cancelled_after: (performance.now() - began) / 1000 };
}

const client = new Client({ name: "interop", version: "0" });
const wire = transport(spec.to);
await client.connect(wire);
const seen = {
  server: client.getServerVersion().name,
  protocol: client.getNegotiatedProtocolVersion?.() ?? wire.protocolVersion ?? "which this client does not tell over stdio",
  tools: (await client.listTools()).tools,
};
for (const [name, tool, args] of spec.steps) {
  const began = performance.now();
  seen[name] = await (name.startsWith("cancelled_") ? cancelled : call)(client, tool, args);
  seen[name].seconds = (performance.now() - began) / 1000;
}
await client.close();
process.stdout.write(`${JSON.stringify(seen)}\n`);
