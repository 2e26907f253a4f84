import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandReference } from "../src/cli/index.ts";
import { limitsReference } from "./limits-reference.ts";
import { metricsReference } from "./metrics-reference.ts";

// Writes the documents that are made from code. Tests compare them, so they stay true.
const made = { cli: commandReference(), metrics: metricsReference(), limits: await limitsReference() };
for (const [name, text] of Object.entries(made))
  writeFileSync(join(import.meta.dirname, `../docs/${name}.md`), text);
