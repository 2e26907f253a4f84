import { closeSync, constants, openSync, readFileSync, readSync, statSync } from "node:fs";

const LOOK_AGAIN_MS = 10;
const PIECE_BYTES = 64 * 1024;
/** A slashing history of years is some tens of megabytes. */
const PIPE_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Reads a text file that an operator named. A pipe is read as well, as `/dev/stdin` and a shell's `<(…)` are, for as long as
 * somebody has it open to write; where nobody has, reading would wait for ever and hear no signal.
 *
 * @throws Error of the system; or one that says that nobody writes into the pipe, or too much.
 */
export function readInput(path: string): string {
  return statSync(path).isFIFO() ? readPipe(path) : readFileSync(path, "utf8");
}

function readPipe(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for (let piece = nextPiece(file); piece.length > 0; piece = nextPiece(file)) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > PIPE_BYTES_MAX) throw new Error(`too much comes out of the pipe ${path}`);
    }
    if (bytes === 0) throw new Error(`nobody writes into the pipe ${path}`);
    return Buffer.concat(pieces).toString("utf8");
  } finally {
    closeSync(file);
  }
}

/** What comes next out of a pipe; nothing at its end, and where nobody has it open to write. */
function nextPiece(file: number): Buffer {
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  for (;;) {
    try {
      return piece.subarray(0, readSync(file, piece));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN_MS);
    }
  }
}
