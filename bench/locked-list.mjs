/**
 * The peer of the shared pools: a list of free numbers in shared memory behind a mutex that spins and then sleeps. Nothing is
 * checked, and who ends inside the lock stops the others for ever.
 */
export class LockedList {
  /** Bytes for a list of so many. */
  static bytesFor(count) {
    return (32 + count) * 4;
  }

  /** @param fresh true for the one that fills it */
  constructor(buffer, count, fresh) {
    this.words = new Int32Array(buffer); // 0 lock, 16 top of the list, 32 on: the list
    if (!fresh) return;
    for (let i = 0; i < count; i += 1) this.words[32 + i] = i;
    this.words[16] = count;
  }

  lock() {
    const { words } = this;
    for (let spin = 0; spin < 100; spin += 1) if (Atomics.compareExchange(words, 0, 0, 1) === 0) return;
    while (Atomics.exchange(words, 0, 2) !== 0) Atomics.wait(words, 0, 2);
  }

  unlock() {
    if (Atomics.exchange(this.words, 0, 0) === 2) Atomics.notify(this.words, 0, 1);
  }

  /** A free number, or -1. */
  pop() {
    this.lock();
    const { words } = this;
    const top = words[16];
    const free = top === 0 ? -1 : words[32 + top - 1];
    if (top !== 0) words[16] = top - 1;
    this.unlock();
    return free;
  }

  push(free) {
    this.lock();
    const { words } = this;
    words[32 + words[16]] = free;
    words[16] += 1;
    this.unlock();
  }
}
