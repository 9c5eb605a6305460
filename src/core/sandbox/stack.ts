// Stacks of a guest in the author's own lines: `plugin:///notes@1.0.0/index.js:812:5` becomes `src/index.ts:12:5`.
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";

const maxFrames = 20;

export interface MappedStack {
  /** Frames of the plugin only, one a line, without the message. */
  text: string;
  /** The topmost one that lies in the plugin: `src/index.ts:12:5`. */
  place: string | undefined;
}

export class StackMapper {
  readonly #sourceMap: string | undefined;
  #trace: TraceMap | undefined;

  constructor(sourceMap: string | undefined) {
    this.#sourceMap = sourceMap;
  }

  map(stack: string): MappedStack {
    const frames: string[] = [];
    let place: string | undefined;
    for (const line of stack.split("\n")) {
      const frame = /^\s*at (?:(.*?) \()?(plugin:\/\/\/[^\s()]*):(\d+):(\d+)\)?$/.exec(line);
      if (frame === null || frames.length >= maxFrames) continue;
      const found = this.#locate(Number(frame[3]), Number(frame[4]));
      if (found === undefined) continue;
      if (!found.startsWith("node_modules/")) place ??= found;
      frames.push(frame[1] === undefined ? `at ${found}` : `at ${frame[1]} (${found})`);
    }
    return { text: frames.join("\n"), place };
  }

  #locate(line: number, column: number): string | undefined {
    if (this.#sourceMap === undefined) return `index.js:${line}:${column}`;
    this.#trace ??= new TraceMap(this.#sourceMap);
    if (line < 1 || column < 1) return undefined;
    const position = originalPositionFor(this.#trace, { line, column: column - 1 });
    if (position.source === null) return undefined;
    // Packages by the name they are installed under; what else lies outside of the plugin is xcore's own.
    const inPackage = position.source.lastIndexOf("node_modules/");
    if (inPackage === -1 && position.source.startsWith("..")) return undefined;
    const source = inPackage === -1 ? position.source : position.source.slice(inPackage);
    return `${source}:${position.line}:${position.column + 1}`;
  }
}
