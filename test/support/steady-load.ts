// Requests at a rate, each with what it was answered and when.
import { Agent, get } from "node:http";
import { until } from "./workspace.ts";

const requestsPerSecond = 500;
const mostOpen = 64;

export interface Answer {
  status: number;
  text: string;
  sentAt: number;
  doneAt: number;
}

export interface SteadyLoad extends Disposable {
  /** Resolves when a request that was sent after this has been answered. */
  answered(path: string): Promise<unknown>;
  /** Resolves when all that were sent are answered: the answers by path. */
  stop(): Promise<Map<string, Answer[]>>;
}

/** 500 requests a second, each path in turn, whatever becomes of them; fewer on a machine that does not answer so many. */
export function startLoad(address: string, paths: readonly string[]): SteadyLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: mostOpen });
  const answers = new Map(paths.map((path) => [path, [] as Answer[]]));
  const open = new Set<Promise<void>>();
  const ask = (path: string): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const sentAt = performance.now();
    const done = (status: number, text: string): void => {
      answers.get(path)?.push({ status, text, sentAt, doneAt: performance.now() });
      resolve();
    };
    get(`${address}${path}`, { agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => done(response.statusCode ?? 0, text));
    }).on("error", (error) => done(0, error.message));
    return promise;
  };
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * requestsPerSecond;
    for (; sent < due && open.size < mostOpen; sent += 1) {
      const asked = ask(paths[sent % paths.length] ?? "/");
      open.add(asked);
      void asked.then(() => open.delete(asked));
    }
  }, 5);
  return {
    async answered(path) {
      const since = performance.now();
      await until(
        () => answers.get(path)?.some(({ sentAt }) => sentAt > since) === true,
        (seen) => seen,
      );
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
      return answers;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Answers that are not 200 with one of these texts. */
export const wrong = (answers: readonly Answer[] | undefined, expected: readonly string[]): Answer[] =>
  (answers ?? []).filter(({ status, text }) => status !== 200 || !expected.includes(text));
