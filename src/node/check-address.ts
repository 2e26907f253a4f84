import { isIP } from "node:net";
import { parseEnr } from "../cluster/index.ts";
import { readAddress } from "../http/index.ts";
import { P2pError, peerAddress, readRelay, tcpAddress } from "../p2p/index.ts";

/** What an address is for: to serve HTTP at, to listen for peers at, of a peer, of a relay, or told to peers. */
export type AddressKind = "serve" | "listen" | "peer" | "relay" | "ip" | "hostname";

/** Whether an address can be used; nothing is opened. @throws P2pError, HttpError with how to write it */
export function checkAddress(kind: AddressKind, text: string): void {
  switch (kind) {
    case "serve":
      readAddress(text);
      return;
    case "listen":
      tcpAddress(text, "an address to listen at");
      return;
    case "peer":
      peerAddress(text, "the address of a peer");
      return;
    case "relay":
      readRelay(text, parseEnr);
      return;
    case "ip":
      if (isIP(text) === 0) throw badOption(text, "Write an IP address alone, e.g. 203.0.113.7.");
      return;
    case "hostname":
      if (!/^[A-Za-z0-9._-]+$/.test(text)) throw badOption(text, "Write a name alone, e.g. node.example.");
      tcpAddress(`${text}:1`, "a name to tell peers");
  }
}

const badOption = (given: string, hint: string): P2pError =>
  new P2pError("p2p/bad-option", "read an address to tell peers", { facts: { given }, hint });
