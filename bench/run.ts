import { benchCluster } from "./cluster.ts";

// Everything that is measured without other programs, in one run, so that the ratios hold: `npm run bench`.
await import("./crypto.ts");
process.stdout.write(`\n${await benchCluster([16, 128, 512])}\n`);
