// The floor: the same answers from node:http alone.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { greeting, work } from "./handlers.ts";

export function nodeServer(): Server {
  return createServer((request, response) => void answer(request, response));
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? "/";
  if (url === "/") send(response, greeting);
  else if (url === "/echo") send(response, JSON.parse(await text(request)));
  else send(response, work(Number(url.slice(url.indexOf("=") + 1))));
}

function send(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}
