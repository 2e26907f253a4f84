const NODE_MAJOR = 24;
/** Everything is closed in order by then; what still keeps the process alive is a timer nobody waits for. */
const LINGER_MS = 1_000;

// A log nobody takes any more (a closed pipe, a full disk) must not end a node that signs, and a reader of results who has seen
// enough is no failure: without a listener Node ends the process at the first write that fails.
for (const output of [process.stdout, process.stderr]) output.on("error", () => {});

// Who was started with a channel to its parent, as the nodes of the demonstration, ends with it, however that ended.
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.channel?.unref();

// Before anything else is loaded: an older Node lacks modules that the program imports.
if (Number(process.versions.node.split(".")[0]) < NODE_MAJOR) {
  process.stderr.write(
    `error: Trireme needs Node ${NODE_MAJOR} or newer, and this is ${process.versions.node}\n` +
      "  Use bin/trireme after `npm install`, which brings its own Node, or install a newer one.\n",
  );
  process.exit(1);
}

const { logOutput, main } = await import("./cli/index.ts");
process.exitCode = await main(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: logOutput(process.stderr),
  environment: process.env,
  columns: process.stdout.columns,
});
// Results wait until somebody has read them, as in "trireme verify | less", or will not any more.
await new Promise((resolve) => process.stdout.write("", resolve));
setTimeout(() => process.exit(), LINGER_MS).unref();

export {};
