import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { Writable } from "node:stream";
import { test } from "node:test";
import { LOG_BACKLOG_BYTES_MAX, logOutput } from "../base/index.ts";
import { createLogger } from "./logger.ts";
import { createMeter } from "./meter.ts";

/** A stream whose reader takes nothing until it is told to take everything. */
function stalled() {
  const read: string[] = [];
  const waiting: (() => void)[] = [];
  let stalls = true;
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      const take = (): void => {
        read.push(chunk.toString());
        done();
      };
      if (stalls) waiting.push(take);
      else take();
    },
  });
  const recover = (): void => {
    stalls = false;
    for (const take of waiting.splice(0)) take();
  };
  return { stream, output: logOutput(stream as unknown as NodeJS.WriteStream), read, recover };
}

test("what nobody reads is kept up to a limit; later the reader is told how many lines are missing, and where", async () => {
  const { stream, output, read, recover } = stalled();
  const meter = createMeter();
  const log = createLogger({ format: "json", level: "info", write: output, meter });
  const said = 5_000;
  for (let i = 0; i < said; i++) log.info("A line", { i, long: "x".repeat(400) });
  assert.ok(stream.writableLength < LOG_BACKLOG_BYTES_MAX + 1_000);
  recover();
  await new Promise((resolve) => stream.write("", resolve));
  log.info("Another line");
  log.info("And one more");
  const lines = read.filter((line) => line !== "").map((line) => JSON.parse(line) as Record<string, unknown>);
  const kept = lines.filter(({ msg }) => msg === "A line").length;
  assert.ok(kept > 1_000 && kept < said);
  assert.deepEqual(
    lines.slice(kept).map(({ msg, lines: missing }) => [msg, missing]),
    [
      ["Lines of this log were dropped", said - kept],
      ["Another line", undefined],
      ["And one more", undefined],
    ],
  );
  assert.match(
    await meter.text(),
    new RegExp(`^trireme_telemetry_log_lines_dropped_total ${said - kept}$`, "m"),
  );
});

test("a stream that is closed takes no lines, and none is kept for it", async () => {
  const { stream, output } = stalled();
  stream.destroy();
  await once(stream, "close");
  assert.deepEqual([output("a line"), stream.writableLength], [false, 0]);
});

const SCRIPT = "/usr/bin/script";

// `script` gives a program a terminal, and stalls it when nobody reads what `script` itself prints.
test("a terminal that is held does not hold the program", { skip: !existsSync(SCRIPT) }, async () => {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as { port: number };
  const program = `
    import { connect } from "node:net";
    import { logOutput } from ${JSON.stringify(import.meta.resolve("../base/index.ts"))};
    const output = logOutput(process.stderr);
    for (let i = 0; i < 400; i++) output("x".repeat(1_000) + "\\n");
    connect(${port}, "127.0.0.1").end(String(process.stderr.isTTY));`;
  const script = spawn(
    SCRIPT,
    ["-qec", `${process.execPath} --input-type=module -e '${program}'`, "/dev/null"],
    {
      stdio: ["pipe", "pipe", "ignore"],
    },
  );
  try {
    const [connection] = await once(server, "connection", { signal: AbortSignal.timeout(300_000) });
    const [answer] = await once(connection, "data");
    assert.equal(String(answer), "true");
  } finally {
    script.kill("SIGKILL");
    script.stdout.destroy();
    server.close();
  }
});
