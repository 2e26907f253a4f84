import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";

/** One file of the page as a browser gets it. */
export interface DashboardFile {
  readonly type: string;
  readonly body: Uint8Array;
  /** Changes with the body, in quotes. */
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/**
 * What the page may do: its own scripts, styles and icon, and questions to its own node. No inline script or style, no
 * frame, no form, nobody else; and no HTML out of text, whatever a script tries (trusted types).
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "referrer-policy": "no-referrer",
};

/** Beside this file in the source tree and in the build alike. */
const folder = new URL("./page/", import.meta.url);

/** The files by the path under which they are served; the page itself at `/`. Read once, some 50 kB. */
export function dashboardFiles(): ReadonlyMap<string, DashboardFile> {
  const files = readdirSync(folder).filter((name) => TYPES[extname(name)] !== undefined);
  return new Map(
    files.map((name) => [name === "index.html" ? "/" : `/dashboard/${name}`, read(name)] as const),
  );
}

function read(name: string): DashboardFile {
  const body = readFileSync(new URL(name, folder));
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return { type: TYPES[extname(name)] ?? "", body, etag, headers: HEADERS };
}
