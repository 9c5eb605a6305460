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
  let at = 0;
  while (at < batch.length) {
    const colon = batch.indexOf(":", at);
    const digits = colon === -1 ? "" : batch.slice(at, colon);
    const length = /^\d{1,8}$/.test(digits) ? Number(digits) : Number.NaN;
    const end = colon + 1 + length;
    if (!(length <= maxRecordLength) || end > batch.length) throw new SyntaxError("malformed batch");
    records.push(batch.slice(colon + 1, end));
    at = end;
  }
  return records;
}

/** Where each record of a batch ends, for who hands records on one by one without reading them. Throws as `decodeBatch` does. */
export function recordEnds(batch: string): number[] {
  const ends: number[] = [];
  let at = 0;
  while (at < batch.length) {
    const colon = batch.indexOf(":", at);
    const length = colon === -1 ? Number.NaN : Number(batch.slice(at, colon));
    const end = colon + 1 + length;
    if (!(length >= 0 && end <= batch.length)) throw new SyntaxError("malformed batch");
    ends.push(end);
    at = end;
  }
  return ends;
}
