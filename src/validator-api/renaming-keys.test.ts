import assert from "node:assert/strict";
import { test } from "node:test";
import { renamingKeys } from "./renaming-keys.ts";

const key = (byte: string): string => `0x${byte.repeat(48)}`;

/** What comes out when the document comes in pieces of one length. */
async function renamed(document: string, length: number): Promise<string> {
  const bytes = Buffer.from(document);
  let at = 0;
  const pieces = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + length));
      at += length;
    },
  });
  const other = (name: string): string => (name.toLowerCase() === key("ab") ? key("cd") : name);
  return new Response(pieces.pipeThrough(renamingKeys(other))).text();
}

test("keys have their other name wherever the pieces are cut, and nothing else is changed", async () => {
  const item = (name: string, value: string): string =>
    `{"graffiti":"✓ ${key("ab")}","${name}":"${value}","list":[{"pubkey": "${value}"}],"signature":"${key("ab")}${"ab".repeat(48)}"}`;
  const document = (ours: string): string =>
    `{"data":[${[item("pubkey", ours), item("validator_pubkey", ours), item("pubkey", key("ef"))].join(",")}]}`;
  for (const length of [1, 7, 63, 64, 97, 1_000, 100_000])
    assert.equal(await renamed(document(key("ab")), length), document(key("cd")), `pieces of ${length}`);
  assert.equal(await renamed(document(key("AB")), 50), document(key("cd")));
});

test("a document of megabytes is passed on as it comes", async () => {
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(Buffer.from(`{"pubkey":"${key("ab")}"},`.repeat(500)));
    },
  });
  const reader = endless.pipeThrough(renamingKeys(() => key("cd"))).getReader();
  const { value } = await reader.read();
  assert.ok(Buffer.from(value ?? []).includes(key("cd")));
  assert.ok(pulled < 10, "no more is asked for than is read");
  await reader.cancel();
});
