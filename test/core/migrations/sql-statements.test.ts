// Splitting SQL: every kind of quote, comment and body that may hold a semicolon.
import assert from "node:assert/strict";
import { test } from "node:test";
import { splitStatements } from "../../../src/core/migrations/sql-statements.ts";

const texts = (sql: string): string[] => splitStatements(sql).map(({ text }) => text);

test("statements end at semicolons and know their lines", () => {
  assert.deepEqual(splitStatements("\n-- first\nselect 1;\n\n  select\n 2 ;select 3"), [
    { text: "select 1", line: 3 },
    { text: "select\n 2", line: 5 },
    { text: "select 3", line: 6 },
  ]);
  assert.deepEqual(texts(" ;; \n-- nothing;\n/* no; */"), []);
});

test("a semicolon in a text, a name, a comment or a dollar quote ends nothing", () => {
  for (const whole of [
    "select 'a;b'",
    "select 'it''s; here'",
    "select e'it\\'s; here'",
    "select 'back\\', ';'",
    'select "odd;name"',
    "select 1 /* a; /* b; */ c; */ + 1",
    "select 1 -- a; b\n + 1",
    "do $$ begin perform 1; end; $$",
    "do $body$ begin perform $$x;y$$; end; $body$",
    "select a$1;",
  ]) {
    assert.deepEqual(
      texts(`${whole};select 2`.replace(";;", ";")),
      [whole.replace(/;$/, ""), "select 2"],
      whole,
    );
  }
});

test("a rule's and a routine's body stay one statement", () => {
  const rule = "create rule r as on insert to t do (insert into a values (1); insert into b values (2))";
  const routine =
    "create function f(x int) returns int\nbegin atomic\n select case when x > 0 then 1 end;\n select 2;\nend";
  assert.deepEqual(texts(`${rule};\n${routine};\nselect 1;`), [rule, routine, "select 1"]);
});

test("what never ends is one last statement", () => {
  assert.deepEqual(texts("select 1; select 'open; select 2"), ["select 1", "select 'open; select 2"]);
  assert.deepEqual(texts("do $$ begin; "), ["do $$ begin;"]);
  assert.deepEqual(texts("/* open; select 1"), []);
});
