import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { main } from "../main.ts";

/** How a command ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process. */
export async function trireme(
  line: string,
  environment: Readonly<Record<string, string>> = {},
  columns?: number,
): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await main(line.split(" ").filter(Boolean), {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    environment,
    columns,
  });
  return { code, out, err };
}

/** A folder for the time of a test. */
export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "trireme-cli-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
