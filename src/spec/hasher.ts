import { setHasher } from "@chainsafe/persistent-merkle-tree";
import { hasher } from "@chainsafe/persistent-merkle-tree/hasher/as-sha256";

/**
 * Roots of containers are hashed in WASM, which `crypto` has loaded anyway: half the time of the library's default in
 * JavaScript, and a third for small containers, of which every partial signature of a peer needs two.
 */
setHasher(hasher);
