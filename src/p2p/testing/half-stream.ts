/** One end of a stream whose other end is the test. */
export class HalfStream extends EventTarget {
  status = "open";
  readonly readBufferLength = 0;
  readonly remoteWriteStatus = "writable";
  /** What was sent and has not gone yet. */
  writeBufferLength = 0;
  readonly #drained = Promise.withResolvers<void>();

  send(data: { readonly byteLength: number }): boolean {
    this.writeBufferLength += data.byteLength;
    return true;
  }
  drain(bytes: number): void {
    this.writeBufferLength = Math.max(0, this.writeBufferLength - bytes);
    if (this.writeBufferLength === 0) this.#drained.resolve();
  }
  async close({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    signal?.addEventListener("abort", () => this.#drained.reject(signal.reason));
    await this.#drained.promise;
  }
  async closeRead(): Promise<void> {}
  abort(): void {
    this.status = "aborted";
  }
  /** The other side goes without a word. */
  leave(): void {
    this.dispatchEvent(Object.assign(new Event("close"), { error: new Error("gone") }));
  }
  deliver(bytes: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event("message"), { data: bytes }));
  }
}
