// The same handlers as a worker of workerd.
import { greeting, work } from "./handlers.ts";

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/") return Response.json(greeting);
    if (url.pathname === "/echo") return Response.json(await request.json());
    return Response.json(work(Number(url.searchParams.get("turns"))));
  },
};
