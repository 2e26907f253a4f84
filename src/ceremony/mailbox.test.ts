import assert from "node:assert/strict";
import { test } from "node:test";
import { silent } from "../ports/index.ts";
import type { JournalRecord } from "./journal.ts";
import { mailMax } from "./limits.ts";
import { Mailbox } from "./mailbox.ts";
import { operator } from "./testing/members.ts";

const bytes = (length: number): Uint8Array => new Uint8Array(length);
function mailboxOf(max: { readonly messages: number; readonly bytes: number }): {
  readonly mailbox: Mailbox;
  readonly records: JournalRecord[];
} {
  const records: JournalRecord[] = [];
  const journal = { append: async (record: JournalRecord) => void records.push(record) };
  return { mailbox: new Mailbox(journal, silent, max), records };
}

test("of a peer no more bytes are taken in than its ceremony has, and nobody else has less for it", async () => {
  const { mailbox, records } = mailboxOf({ messages: 100, bytes: 1_000 });
  const [flood, other] = [operator(1), operator(2)];
  await mailbox.deliver(flood, "a", bytes(600));
  // Two at once: what is still on its way to the disk counts too.
  const both = [mailbox.deliver(flood, "b", bytes(300)), mailbox.deliver(flood, "c", bytes(300))];
  assert.deepEqual(
    (await Promise.allSettled(both)).map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  await assert.rejects(mailbox.deliver(flood, "d", bytes(101)), { code: "ceremony/lied" });
  assert.equal(await mailbox.deliver(flood, "a", bytes(600)), "same");
  assert.equal(await mailbox.deliver(other, "a", bytes(1_000)), "first");
  assert.equal(records.length, 3, "what is refused is not in the journal");
});

test("what the journal remembers counts after a restart, and so does the number of messages", async () => {
  const { mailbox, records } = mailboxOf({ messages: 2, bytes: 1_000 });
  await mailbox.deliver(operator(1), "a", bytes(900));
  const again = mailboxOf({ messages: 2, bytes: 1_000 }).mailbox;
  again.restore(records);
  await assert.rejects(again.deliver(operator(1), "b", bytes(200)), { code: "ceremony/lied" });
  await again.deliver(operator(1), "c", bytes(1));
  await assert.rejects(again.deliver(operator(1), "d", bytes(1)), { code: "ceremony/lied" });
});

test("a ceremony of one validator has room for some megabytes, one of thousands for what they take", () => {
  const small = mailMax({ validators: 1, operators: 4, depositAmounts: 2 });
  assert.ok(small.bytes < 2 * 1024 * 1024 && small.messages < 1_000);
  const large = mailMax({ validators: 3_000, operators: 10, depositAmounts: 2 });
  assert.ok(large.bytes > 3_000 * 10 * 300 && large.bytes < 64 * 1024 * 1024);
  assert.ok(large.messages > 4 * 3_000);
});
