import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandReference } from "../src/cli/index.ts";

// Writes the documents that are made from code. A test compares them, so they stay true.
writeFileSync(join(import.meta.dirname, "../docs/cli.md"), commandReference());
