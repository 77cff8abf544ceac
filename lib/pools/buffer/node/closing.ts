/** Those who wait for the end of one stream: one listener, however many there are. Node.js warns of eleven. */
class Closing {
  readonly works = new Set<() => void>();
  private readonly emitter: NodeJS.EventEmitter;

  constructor(emitter: NodeJS.EventEmitter) {
    this.emitter = emitter;
    emitter.once('close', this.onClose);
    closings.set(emitter, this);
  }

  readonly onClose = (): void => {
    closings.delete(this.emitter);
    for (const work of [...this.works]) work();
  };

  forget(work: () => void): void {
    this.works.delete(work);
    if (this.works.size > 0) return;
    this.emitter.off('close', this.onClose);
    if (closings.get(this.emitter) === this) closings.delete(this.emitter);
  }
}

const closings = new WeakMap<NodeJS.EventEmitter, Closing>();

/** Calls `work` once when something has closed. @returns what takes it back */
export function onceClosed(emitter: NodeJS.EventEmitter, work: () => void): () => void {
  const closing = closings.get(emitter) ?? new Closing(emitter);
  closing.works.add(work);
  return () => closing.forget(work);
}
