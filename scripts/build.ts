import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

// Makes dist/, what npm and bin/trireme run (docs/adr/0220). The program, the programs of its threads, and a few files that
// they share, with the libraries inside: 25 files in place of 900, of which reading, resolving and compiling cost a node most of
// its start and 30 MB of memory. What is not used is left out. Names and lines stay readable for a stack trace.
const root = join(import.meta.dirname, "..");
const out = join(root, "dist/src");

/** They find machine code or WASM in files beside their own. */
const LEFT_OUTSIDE = ["@chainsafe/blst", "mcl-wasm", "tiny-secp256k1"];
/** Libraries that are CommonJS ask for Node's modules by this name, and an ES module has none. */
const REQUIRE =
  'import { createRequire as requireFor } from "node:module";\nconst require = requireFor(import.meta.url);';

rmSync(join(root, "dist"), { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  // Programs of threads lie beside the code that starts them, wherever that ends up among the shared files.
  entryPoints: {
    main: "src/main.ts",
    "parts/bls-thread": "src/signer/bls-thread.ts",
    "parts/store-thread": "src/storage/store-thread.ts",
  },
  chunkNames: "parts/[name]-[hash]",
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  external: LEFT_OUTSIDE,
  banner: { js: REQUIRE },
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
// The dashboard is served from beside the code that reads it.
cpSync(join(root, "src/dashboard/page"), join(out, "parts/page"), { recursive: true });
writeFileSync(join(root, "dist/libraries.txt"), licences(Object.keys(metafile.inputs)));

/** What came in from elsewhere, with the terms that ask to be passed on. */
function licences(files: readonly string[]): string {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(folders)]
    .toSorted()
    .map((folder) => {
      const path = join(root, folder);
      const about = JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Record<string, unknown>;
      const texts = readdirSync(path)
        .filter((name) => /^(licen[cs]e|notice)/i.test(name))
        .map((name) => readFileSync(join(path, name), "utf8").trim());
      return [`${about["name"]} ${about["version"]}, ${about["license"]}`, ...texts].join("\n\n");
    })
    .join(`\n\n${"-".repeat(80)}\n\n`);
}
