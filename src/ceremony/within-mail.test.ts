import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProtocolLimits, Transport } from "../ports/index.ts";
import { MESSAGE_LIMITS, mailMax } from "./limits.ts";
import { withinMail } from "./within-mail.ts";

test("in a small ceremony no message is larger than all that its author may say, and in a large one than any may be", () => {
  const limits = (validators: number): ProtocolLimits | undefined => {
    let taken: ProtocolLimits | undefined;
    const transport = {
      handle: (_: string, own: ProtocolLimits) => void (taken = own),
    } as unknown as Transport;
    const { bytes } = mailMax({ validators, operators: 4, depositAmounts: 1 });
    withinMail(transport, bytes).handle("/a", MESSAGE_LIMITS, () => undefined);
    return taken;
  };
  assert.ok((limits(1)?.messageBytesMax ?? 0) < 2 * 1024 * 1024);
  assert.deepEqual(limits(65_536), MESSAGE_LIMITS);
});
