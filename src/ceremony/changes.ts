/** Lets several wait for a change of something: each looks again whenever it is told that something changed. */
export class Changes {
  #waiting = new Set<() => void>();

  /** Something changed: everyone who waits looks again. */
  tell(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /** The first answer of `look` other than undefined. @throws the signal's reason when it fires first. */
  async until<T>(look: () => T | undefined, signal: AbortSignal): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const seen = look();
      if (seen !== undefined) return seen;
      await this.next(signal);
    }
  }

  /** Settles at the next change; rejects with the signal's reason when it fires first. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        signal.removeEventListener("abort", stop);
        resolve();
      };
      const stop = (): void => {
        this.#waiting.delete(wake);
        reject(signal.reason as Error);
      };
      if (signal.aborted) return reject(signal.reason as Error);
      this.#waiting.add(wake);
      signal.addEventListener("abort", stop, { once: true });
    });
  }
}
