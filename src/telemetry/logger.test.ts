import assert from "node:assert/strict";
import { test } from "node:test";
import type { Facts } from "../base/index.ts";
import { createLogger, type LogFormat, type LogLevel } from "./logger.ts";
import { createMeter } from "./meter.ts";

const AT = Date.UTC(2026, 10, 23, 18, 41, 18, 123);

function linesOf(
  format: LogFormat,
  level: LogLevel,
  say: (log: ReturnType<typeof createLogger>) => void,
): string[] {
  const lines: string[] = [];
  say(createLogger({ format, level, write: (line) => lines.push(line), now: () => AT }));
  return lines;
}
const said = (format: LogFormat, sentence: string, facts?: Facts): string =>
  linesOf(format, "info", (log) => log.room("duty").info(sentence, facts))[0] ?? "";

test("a console line reads time, level, room, sentence, facts", () => {
  assert.equal(
    said("console", "Duty broadcast", { duty: "9120031/attester", round: 1 }),
    "11-23 18:41:18.123 INFO  duty      Duty broadcast                       duty=9120031/attester round=1\n",
  );
});

test("the same line as JSON and as logfmt carries Charon's names of the fields", () => {
  assert.deepEqual(JSON.parse(said("json", "Duty broadcast", { round: 1, peers: ["a", "b"], msg: "mine" })), {
    ts: "2026-11-23T18:41:18.123Z",
    level: "info",
    topic: "duty",
    msg: "Duty broadcast",
    round: 1,
    peers: ["a", "b"],
    msg_: "mine",
  });
  assert.equal(
    said("logfmt", "Duty broadcast", { cause: 'no "quorum"' }),
    'ts=2026-11-23T18:41:18.123Z level=info topic=duty msg="Duty broadcast" cause="no \\"quorum\\""\n',
  );
});

test("what is less important than the level is not written", () => {
  const lines = linesOf("console", "warn", (log) => {
    log.error("one");
    log.warn("two");
    log.info("three");
    log.debug("four");
  });
  assert.equal(lines.length, 2);
});

test("a peer's text cannot forge a line, command the terminal, or fill the disk", () => {
  for (const format of ["console", "json", "logfmt"] as const) {
    const hostile = `x\n11-23 ERROR forged\r\u001b[2J\u202e\u0085${"y".repeat(100_000)}`;
    const line = said(format, "Message dropped", {
      why: hostile,
      list: Array.from({ length: 10_000 }, () => hostile),
    });
    assert.equal(line.indexOf("\n"), line.length - 1, format);
    assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\u2028\u202e]/u, format);
    assert.ok(line.length < 40_000, format);
  }
});

test("passwords and keys in a URL are not written", () => {
  for (const format of ["console", "json", "logfmt"] as const) {
    const line = said(format, "Beacon node connected", {
      url: "https://me:hunter2@node.example:5052/eth/v1?apikey=s3cret&x=1",
      why: "fetch http://h/?token=s3cret failed, then http://u:hunter2@h/",
    });
    assert.doesNotMatch(line, /hunter2|s3cret/, format);
    assert.match(line, /node\.example:5052\/eth\/v1/, format);
  }
});

test("a write that fails does not reach the one who logs", () => {
  const log = createLogger({
    format: "console",
    level: "info",
    write: () => {
      throw new Error("disk full");
    },
  });
  log.error("Something happened");
});

test("warnings and errors are counted by room even when they are not written", async () => {
  const meter = createMeter();
  const log = createLogger({ format: "console", level: "error", write: () => {}, meter });
  log.room("p2p").warn("one");
  log.room("p2p").warn("two");
  log.room("duty").error("three");
  const text = await meter.text();
  assert.match(text, /app_log_warn_total\{topic="p2p"\} 2/);
  assert.match(text, /app_log_error_total\{topic="duty"\} 1/);
});
