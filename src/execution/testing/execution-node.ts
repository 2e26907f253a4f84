import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { TestContext } from "node:test";

export interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly params: readonly [{ readonly to: string; readonly data: string }, string];
}

/** What an execution node answers to a call; a function answers the HTTP request itself. */
export type RpcAnswer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: string } }
  | ((response: ServerResponse) => void);

export interface ExecutionNode {
  readonly url: string;
  /** Everything it was asked, in order. */
  readonly asked: RpcRequest[];
}

/** An execution node's JSON-RPC on loopback, for the time of a test. */
export async function executionNode(
  t: TestContext,
  answers: { readonly chainId?: RpcAnswer; readonly call?: (request: RpcRequest) => RpcAnswer },
): Promise<ExecutionNode> {
  const asked: RpcRequest[] = [];
  const serve = (rpc: RpcRequest, response: ServerResponse): void => {
    asked.push(rpc);
    const answer =
      rpc.method === "eth_chainId"
        ? (answers.chainId ?? { result: "0x88bb0" })
        : (answers.call?.(rpc) ?? { result: "0x" });
    if (typeof answer === "function") return answer(response);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ jsonrpc: "2.0", id: rpc.id, ...answer }));
  };
  const server = createServer((request, response) => {
    void json(request).then((rpc) => serve(rpc as RpcRequest, response));
  });
  return { url: await listening(t, server), asked };
}

/** Starts a server for the time of a test. @returns Its URL. */
export async function listening(t: TestContext, server: Server): Promise<string> {
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a contract answers that accepts: the magic value in a word. */
export const ACCEPTED = { result: `0x1626ba7e${"00".repeat(28)}` } as const;
/** What OpenZeppelin's contracts answer when they do not. */
export const NOT_ACCEPTED = { result: `0xffffffff${"00".repeat(28)}` } as const;
