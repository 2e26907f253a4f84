import { logOutput } from "../base/index.ts";
import type { Logger } from "../ports/index.ts";
import { createLogger, type ExposedMeter } from "../telemetry/index.ts";
import type { RunConfig } from "./config.ts";

/** Log lines to standard error as the operator wants them, counted where there is a meter. */
export function makeLogger(
  { logLevel, logFormat, logColor }: Pick<RunConfig, "logLevel" | "logFormat" | "logColor">,
  meter?: ExposedMeter,
): Logger {
  return createLogger({
    level: logLevel,
    format: logFormat,
    color: logColor === "force" || (logColor === "auto" && process.stderr.isTTY),
    write: logOutput(process.stderr),
    ...(meter === undefined ? {} : { meter }),
  });
}
