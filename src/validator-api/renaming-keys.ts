/** Longer than any key with the name of its member in front of it. */
const TAIL = 256;
const KEY = /"((?:validator_)?pubkey"\s*:\s*")(0x[0-9a-fA-F]{96})"/g;

/**
 * Puts other names in the place of the keys that stand in `pubkey` and `validator_pubkey` members of a JSON document, as it comes
 * piece by piece.
 *
 * @param nameOf - As long as the key itself; that of a name is the name.
 */
export function renamingKeys(nameOf: (key: string) => string): TransformStream<Uint8Array, Uint8Array> {
  // All that is looked for is ASCII, so that a character is a byte and pieces may be cut anywhere.
  let tail = "";
  return new TransformStream({
    transform(piece, controller) {
      const text = (tail + Buffer.from(piece).toString("latin1")).replaceAll(
        KEY,
        (_, before: string, key: string) => `"${before}${nameOf(key)}"`,
      );
      const end = Math.max(0, text.length - TAIL);
      tail = text.slice(end);
      if (end > 0) controller.enqueue(Buffer.from(text.slice(0, end), "latin1"));
    },
    flush(controller) {
      if (tail !== "") controller.enqueue(Buffer.from(tail, "latin1"));
    },
  });
}
