import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate of this machine for itself; undefined where there is no openssl. */
export function makeCertificate(): { certificateFile: string; keyFile: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "trireme-tls-"));
  const files = { certificateFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
  const { status } = spawnSync("openssl", [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "1",
    "-subj",
    "/CN=127.0.0.1",
    "-keyout",
    files.keyFile,
    "-out",
    files.certificateFile,
  ]);
  return status === 0 ? files : undefined;
}
