import { explain } from "../base/index.ts";
import { lockHash, makeLock, makeValidators } from "../cluster/index.ts";
import { sleepUntil } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { type Dialect, readDialect, writeDialect } from "./dialect.ts";
import { CeremonyError } from "./errors.ts";
import { inTurns } from "./in-turns.ts";
import { Journal, type JournalRecord } from "./journal.ts";
import { GOODBYE_MS, LAST_WORDS_MS } from "./limits.ts";
import type { MadeKey } from "./make-keys.ts";
import { exchangeNodeSignatures } from "./node-signatures.ts";
import { type CeremonyProgress, type PartName, parts } from "./progress.ts";
import {
  type Begun,
  type CeremonyNeeds,
  type CeremonyOptions,
  type Protocols,
  registerProtocols,
  stepOf,
} from "./protocols.ts";
import { seededEntropy } from "./seeded-entropy.ts";
import { type Signing, signDeposits, signLockHash, signRegistrations } from "./signatures.ts";

const steps = Object.fromEntries(parts.map(({ name, step }) => [name, step])) as Record<PartName, number>;

/**
 * One operator's part in a ceremony. Its protocols are registered when it is made, so that messages of faster operators are
 * taken from the first moment; then start the network, then `run`.
 */
export class Ceremony {
  readonly #needs: CeremonyNeeds;
  readonly #options: CeremonyOptions;
  readonly #journal: Journal;
  readonly #records: readonly JournalRecord[];
  readonly #protocols: Protocols;
  readonly #over = new AbortController();
  readonly #startedAt: number;
  /** The step that the journal says we have told others. */
  #step: number;
  #part: PartName = "meeting";
  #partSince: number;
  #outcome: CeremonyProgress["outcome"];
  #keysMade = 0;
  #keysSealed = 0;
  #sealing: Promise<void> = Promise.resolve();

  private constructor(needs: CeremonyNeeds, options: CeremonyOptions, begun: Begun) {
    this.#needs = needs;
    this.#options = options;
    this.#journal = begun.journal;
    this.#records = begun.records;
    this.#startedAt = needs.clock.now();
    this.#partSince = this.#startedAt;
    this.#step = stepOf(begun.records);
    this.#protocols = registerProtocols(needs, options, begun, {
      hasBegun: () => this.#step > 0,
      fail: (error) => this.#fail(error),
    });
  }

  /** Opens the journal, or begins it, and registers every protocol. Nothing secret is made yet. */
  static async prepare(needs: CeremonyNeeds, options: CeremonyOptions): Promise<Ceremony> {
    const opened = await Journal.open(options.journalPath, options.key, options.definition.definitionHash);
    const begin = opened.records.find((record) => record.kind === "begin");
    const attempt = begin?.attempt ?? needs.entropy(16);
    if (begin === undefined) await opened.journal.append({ kind: "begin", attempt });
    const isFresh = !opened.records.some((record) => record.kind === "seed");
    try {
      if (isFresh) await needs.output.check(options.definition.numValidators);
    } catch (error) {
      await opened.journal.destroy();
      throw error;
    }
    return new Ceremony(needs, options, { ...opened, attempt });
  }

  /** Whether a journal was there: the ceremony goes on where it was interrupted. */
  get isResumed(): boolean {
    return this.#records.some((record) => record.kind === "seed");
  }

  /**
   * Goes through the ceremony to its end. When `signal` fires, the journal stays and the same command goes on later. When the
   * ceremony fails, nothing usable stays, and the others are told why.
   *
   * @throws CeremonyError
   */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void =>
      this.#over.abort(
        new CeremonyError("ceremony/interrupted", "the ceremony was interrupted", {
          hint: "Run the same command again, and it goes on where it was.",
        }),
      );
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      await this.#perform(this.#over.signal);
      await this.#journal.destroy();
      this.#outcome = "complete";
    } catch (error) {
      this.#outcome = "failed";
      this.#over.abort(error);
      await this.#sealing;
      // Once everything is stored here, others may have theirs in place, and need ours.
      const isFinal =
        this.#step < steps.storing &&
        error instanceof CeremonyError &&
        (error.code === "ceremony/failed" ||
          error.code === "ceremony/lied" ||
          error.code === "ceremony/refused");
      if (isFinal) await this.#giveUp(error);
      else await this.#journal.close().catch(() => {});
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#over.abort(new Error("the ceremony is over"));
    }
  }

  progress(): CeremonyProgress {
    const { transport, clock } = this.#needs;
    const { definition } = this.#options;
    const news = new Map(this.#needs.peers().map((one) => [one.operator, one]));
    return {
      clusterName: definition.name,
      self: transport.self,
      threshold: definition.threshold,
      validators: definition.numValidators,
      part: this.#part,
      outcome: this.#outcome,
      partSince: this.#partSince,
      startedAt: this.#startedAt,
      now: clock.now(),
      keysDone: this.#part === "keys" ? this.#keysMade : this.#keysSealed,
      keysWanted: definition.numValidators,
      peers: [...this.#protocols.sync.peers.values()].map((peer) =>
        this.#protocols.meeting.progressOf(peer, news.get(peer.operator)),
      ),
    };
  }

  async #perform(signal: AbortSignal): Promise<void> {
    const { seed, dialect } = await this.#begin(signal);
    const { broadcast, sync } = this.#protocols;
    broadcast.speak(dialect.broadcast);
    sync.start(dialect.minor, signal);
    if (this.#step === 0) await this.#waitFor("to join", (operator) => sync.joined(operator, signal));
    if (this.#step === 0) await sync.allJoined(signal);
    if (this.#step < steps.finishing) await this.#reach("meeting", signal);
    if (this.#step < steps.storing) await this.#makeAndStore(seed, signal);
    await this.#finish(signal);
  }

  /** The seed and the dialect; both are drawn once, when all have met and before anything that follows from them is said. */
  async #begin(signal: AbortSignal): Promise<{ readonly seed: Uint8Array; readonly dialect: Dialect }> {
    this.#enter("meeting");
    this.#protocols.meeting.start(signal);
    const drawn = this.#records.find((record) => record.kind === "seed");
    if (drawn !== undefined) return { seed: drawn.seed, dialect: readDialect(drawn.dialect) };
    const dialect = await this.#protocols.meeting.allMet(signal);
    const seed = this.#needs.entropy(32);
    await this.#journal.append({ kind: "seed", seed, dialect: writeDialect(dialect) });
    return { seed, dialect };
  }

  /** From the first round of key generation to results that are stored here, though not yet where a node looks for them. */
  async #makeAndStore(seed: Uint8Array, signal: AbortSignal): Promise<void> {
    const { definition, network, key, publicKeys } = this.#options;
    const { bls, known, transport } = this.#needs;
    const { broadcast, exchange, keyMaker } = this.#protocols;
    this.#enter("keys");
    const keys = await keyMaker.make({
      entropy: seededEntropy(seed, "keys"),
      broadcast,
      onKey: () => this.#keysMade++,
      signal,
    });
    await inTurns(keys, signal, ({ groupKey, publicShares }) => {
      for (const key of [groupKey, ...publicShares]) known.keys.learn(key);
    });
    const passwords = this.#seal(keys, signal);
    await this.#reach("keys", signal);

    const signing: Signing = { definition, keys, exchange, bls, known, signal };
    this.#enter("deposits");
    const deposits = await signDeposits(signing);
    await this.#reach("deposits", signal);

    this.#enter("registrations");
    const registrations = await signRegistrations(signing, network.genesisTime);
    await this.#reach("registrations", signal);

    this.#enter("lock");
    const signed = { deposits, registrations, registrationTime: network.genesisTime };
    const validators = makeValidators(definition, keys, signed);
    const hash = lockHash({ definition, validators });
    const signatureAggregate = await signLockHash(signing, hash, validators);
    await this.#reach("lock", signal);

    this.#enter("nodes");
    const self = { broadcast, key, self: transport.self, publicKeys };
    const nodeSignatures = await exchangeNodeSignatures(self, hash, signal);
    await this.#reach("nodes", signal);

    this.#enter("storing");
    const lock = makeLock({ definition, validators, lockHash: hash, signatureAggregate, nodeSignatures });
    this.#options.verifyLock(lock);
    await this.#needs.output.store({ lock, passwords: await passwords, networkName: network.name });
  }

  /** Begins to encrypt the shares; that takes longer than everything else, and until they are needed it is out of the way. */
  #seal(keys: readonly MadeKey[], signal: AbortSignal): Promise<readonly string[]> {
    const shares = keys.map(({ share }) => share);
    const sealing = this.#needs.output.seal(shares, { onEach: () => this.#keysSealed++, signal });
    this.#sealing = sealing.then(
      () => {},
      (error: unknown) => this.#over.abort(error), // A full disk need not wait until the signatures are exchanged.
    );
    return sealing;
  }

  /** When all have confirmed that they have stored their shares, everything is moved to its place. */
  async #finish(signal: AbortSignal): Promise<void> {
    if (this.#step < steps.finishing) {
      if (this.#part !== "storing") this.#enter("storing"); // Stored before a restart.
      this.#keysSealed = this.#options.definition.numValidators;
      await this.#allHaveStored(signal);
    }
    this.#enter("finishing");
    await this.#needs.output.publish();
    const { clock, log } = this.#needs;
    const patience = new AbortController();
    const cancel = clock.at(clock.now() + GOODBYE_MS, () => patience.abort(new Error("no goodbye in time")));
    try {
      await this.#takeLeave(AbortSignal.any([patience.signal, signal]));
    } catch (error) {
      signal.throwIfAborted();
      // Ours is complete, and everyone's is stored.
      log.warn("Not every operator has said goodbye; the results here are complete", { why: explain(error) });
    } finally {
      cancel();
    }
  }

  /**
   * Waits until everybody has stored its shares, or so many have put theirs in place that one of them is honest: it has heard that of
   * everybody. Who told others and not us, and is gone since, or lies, does not keep our results from us.
   */
  async #allHaveStored(signal: AbortSignal): Promise<void> {
    await this.#tell("storing");
    const { operatorCount } = this.#needs.transport;
    const witnesses = Math.max(2, Math.floor((operatorCount - 1) / 3) + 1);
    const known = new AbortController();
    const either = AbortSignal.any([known.signal, signal]);
    try {
      await Promise.race([
        this.#allAt("storing", either),
        this.#protocols.sync.someAt(witnesses, steps.finishing, either),
      ]);
    } finally {
      known.abort(new Error("everybody has stored its shares"));
    }
  }

  /**
   * Stays until everybody has its results, and then until everybody knows that of everybody. The first is noted before any
   * goodbye leaves: others may go when they have heard ours, and after a restart they are not waited for.
   */
  async #takeLeave(signal: AbortSignal): Promise<void> {
    if (!this.#records.some((record) => record.kind === "over")) {
      await this.#reach("finishing", signal);
      await this.#journal.append({ kind: "over" });
    }
    await this.#waitFor("to say goodbye", (operator) => this.#protocols.sync.goodbye(operator, signal));
  }

  /** Tells that a part is done, after noting it, and waits until all others have done it too. */
  async #reach(part: PartName, signal: AbortSignal): Promise<void> {
    await this.#tell(part);
    await this.#allAt(part, signal);
  }

  async #tell(part: PartName): Promise<void> {
    const step = steps[part];
    if (step <= this.#step) return;
    await this.#journal.append({ kind: "step", step });
    this.#step = step;
    this.#protocols.sync.advance(step);
  }

  async #allAt(part: PartName, signal: AbortSignal): Promise<void> {
    const title = parts.find(({ name }) => name === part)?.title ?? part;
    await this.#waitFor(`to finish ${title.toLowerCase()}`, (operator) =>
      this.#protocols.sync.isAt(operator, steps[part], signal),
    );
  }

  async #waitFor(what: string, wait: (operator: OperatorIndex) => Promise<void>): Promise<void> {
    const { sync, waits } = this.#protocols;
    await Promise.all([...sync.peers.keys()].map((operator) => waits.during(operator, what, wait(operator))));
  }

  #enter(part: PartName): void {
    this.#part = part;
    this.#partSince = this.#needs.clock.now();
    this.#needs.log.info("Ceremony", { part });
  }

  /** What ends the ceremony; but once everything is stored here, the others may have theirs in place already. */
  #fail(error: CeremonyError): void {
    if (this.#step >= steps.storing)
      this.#needs.log.warn("Trouble with an operator after everything was stored; waiting for it", {
        why: error.message,
      });
    else this.#over.abort(error);
  }

  async #giveUp(error: CeremonyError): Promise<void> {
    const { clock, output } = this.#needs;
    this.#protocols.sync.giveUp(error.message);
    await output.discard();
    await this.#journal.destroy();
    await sleepUntil(clock, clock.now() + LAST_WORDS_MS, new AbortController().signal);
  }
}
