import { existsSync } from "node:fs";
import { benchCluster } from "./cluster.ts";

// Everything that is measured, in one run, so that the ratios hold: `npm run bench`.
const crypto = new URL("./crypto.ts", import.meta.url);
if (existsSync(crypto)) await import(crypto.href);
process.stdout.write(`\n${await benchCluster([16, 128, 512])}\n`);
