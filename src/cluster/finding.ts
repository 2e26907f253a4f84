import { DvError, explain } from "../base/index.ts";
import type { Check } from "./verify-lock.ts";

/** One thing that was looked at. `odd`: worth a look, though nothing is wrong. */
export interface Finding {
  readonly name: string;
  readonly state: "good" | "odd" | "bad";
  /** A sentence, without a full stop. */
  readonly says: string;
  /** What went wrong in a check. */
  readonly error?: DvError;
}

/** Makes a check. @throws what is no finding but a bug */
export function perform({ name, holds, fails, run }: Check): Finding {
  try {
    run();
    return { name, state: "good", says: holds };
  } catch (error) {
    return { ...bad(name, error), says: fails };
  }
}

/** @throws what is no finding but a bug */
export function bad(name: string, error: unknown): Finding {
  if (!(error instanceof DvError)) throw error;
  return { name, state: "bad", says: explain(error), error };
}
