import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { memoryDisk } from "../../sim/disk.ts";
import type { Clock } from "../../src/ports/index.ts";
import { type NodeStore, openNodeStore } from "../../src/storage/index.ts";
import { MemoryFile } from "../../src/storage/memory-file.ts";
import { type Maker, type StoreUnderTest, slashingStoreConformance } from "./slashing-store.ts";

// Goal: the file on disk and the simulated disk keep the same promises, so that what the simulator proves holds outside.

const folder = mkdtempSync(join(tmpdir(), "trireme-conformance-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const lockHash = new Uint8Array(32).fill(5);
let files = 0;
const pathOf = new Map<StoreUnderTest, string>();

async function open(path: string, genesisValidatorsRoot?: Uint8Array): Promise<NodeStore> {
  const root = genesisValidatorsRoot === undefined ? {} : { genesisValidatorsRoot };
  const store = await openNodeStore({ path, lockHash, ...root });
  pathOf.set(store, path);
  return store;
}

const sqlite: Maker = {
  open: (genesisValidatorsRoot) => open(join(folder, `${files++}.sqlite`), genesisValidatorsRoot),
  // Here a restart; the process that dies is in test/e2e/store-kill.test.ts.
  async crash(store) {
    const path = pathOf.get(store) as string;
    await (store as NodeStore).close();
    return open(path);
  },
  close: (store) => (store as NodeStore).close(),
  // Without its thread, which takes longer to start than a vector lasts.
  openPlain(genesisValidatorsRoot) {
    const file = new MemoryFile({ path: join(folder, `${files++}.sqlite`), lockHash, genesisValidatorsRoot });
    return {
      admit: async (votes) => file.admit([votes])[0] ?? [],
      importInterchange: async (interchange) => file.import(interchange),
      exportInterchange: async (kind) => file.export(kind),
      close: async () => file.close(),
    } as StoreUnderTest;
  },
};

/** Time that passes as soon as nothing else happens. */
const hurryingClock: Clock = {
  now: () => 0,
  at(_, action) {
    const timer = setImmediate(action);
    return () => clearImmediate(timer);
  },
};

const simulated: Maker = {
  open: async (genesisValidatorsRoot) => memoryDisk(hurryingClock, { genesisValidatorsRoot }),
  async crash(store) {
    (store as ReturnType<typeof memoryDisk>).crash();
    return store;
  },
  close: async () => {},
};

slashingStoreConformance("SQLite", sqlite);
slashingStoreConformance("simulated disk", simulated);
