import assert from "node:assert/strict";
import { test } from "node:test";
import { array, assert as holds, integer, nat, property, record, string, uint8Array } from "fast-check";
import { maxFrameBytes } from "../../../src/core/sandbox/bounds.ts";
import { encodeFrames, FrameReader, type Frame } from "../../../src/core/sandbox/frames.ts";
import { decodeBatch, encodeBatch, recordEnds } from "../../../src/wire/records.ts";

const frames = array(
  record<Frame>(
    {
      kind: integer({ min: 0, max: 255 }),
      sandbox: nat({ max: 2 ** 32 - 1 }),
      payload: string({ unit: "grapheme", maxLength: 200 }),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 20 },
);

test("frames come out as they went in, however the bytes are cut", () => {
  holds(
    property(frames, array(integer({ min: 1, max: 50 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = encodeFrames(sent);
      const reader = new FrameReader();
      const received: Frame[] = [];
      let at = 0;
      for (let index = 0; at < bytes.length; index += 1) {
        const cut = cuts[index % cuts.length] ?? 1;
        received.push(...reader.push(bytes.subarray(at, at + cut)));
        at += cut;
      }
      assert.deepEqual(received, sent);
    }),
  );
});

test("a frame that announces more than the size limit is refused at once", () => {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(maxFrameBytes + 1, 0);
  assert.throws(() => new FrameReader().push(head), RangeError);
});

test("any bytes give frames or a RangeError", () => {
  holds(
    property(array(uint8Array({ maxLength: 64 })), (chunks) => {
      const reader = new FrameReader();
      try {
        for (const chunk of chunks) reader.push(Buffer.from(chunk));
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
    }),
  );
});

test("the ends of a batch's records are where decoding finds them", () => {
  holds(
    property(array(string({ unit: "binary", maxLength: 30 })), (records) => {
      const batch = encodeBatch(records);
      let at = 0;
      const pieces = recordEnds(batch).map((end) => {
        const piece = batch.slice(at, end);
        at = end;
        return piece;
      });
      assert.deepEqual(pieces.flatMap(decodeBatch), records);
    }),
  );
});
