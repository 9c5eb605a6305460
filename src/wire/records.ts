// A batch is the only thing that crosses the isolate's edge: records one after another, each as `<length>:<text>`
// with the length in UTF-16 code units. The host process passes batches on without reading them.
import { maxRecordLength } from "./protocol.ts";

export function encodeBatch(records: readonly string[]): string {
  let batch = "";
  for (const record of records) batch += `${record.length}:${record}`;
  return batch;
}

/** The records of a batch. Throws a `SyntaxError` on anything that is not exactly a batch. */
export function decodeBatch(batch: string): string[] {
  const records: string[] = [];
  let start = 0;
  for (const end of recordEnds(batch)) {
    records.push(batch.slice(batch.indexOf(":", start) + 1, end));
    start = end;
  }
  return records;
}

/** Where each record of a batch ends, for who hands records on one by one without reading them. Throws as `decodeBatch` does. */
export function recordEnds(batch: string): number[] {
  const ends: number[] = [];
  let at = 0;
  while (at < batch.length) {
    const colon = batch.indexOf(":", at);
    const length = readCount(batch, at, colon);
    const end = colon + 1 + length;
    if (length > maxRecordLength || end > batch.length) throw new SyntaxError("malformed batch");
    ends.push(end);
    at = end;
  }
  return ends;
}

/** The decimal number that stands from `start` to `end`. Throws a `SyntaxError` on anything else; at most 15 digits. */
export function readCount(text: string, start: number, end: number): number {
  if (end <= start || end - start > 15) throw new SyntaxError("not a number");
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) throw new SyntaxError("not a number");
    value = value * 10 + digit;
  }
  return value;
}
