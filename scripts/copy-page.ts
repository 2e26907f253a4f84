import { cpSync } from "node:fs";
import { join } from "node:path";

// The compiler leaves out what is not TypeScript; the dashboard is served from beside the code that reads it.
const root = join(import.meta.dirname, "..");
const page = "src/dashboard/page";
cpSync(join(root, page), join(root, "dist", page), { recursive: true });
