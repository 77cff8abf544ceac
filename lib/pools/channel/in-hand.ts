/** Which cells an end has in hand, and the words that it put into them: numbers only, so that a message costs nothing. */
export class InHand {
  private readonly words: Int32Array;
  private count = 0;

  constructor(capacity: number) {
    this.words = new Int32Array(capacity);
  }

  get size(): number {
    return this.count;
  }

  /** The word is never 0: it holds a phase. */
  add(index: number, word: number): void {
    this.words[index] = word;
    this.count += 1;
  }

  remove(index: number): void {
    if (this.words[index] === 0) return;
    this.words[index] = 0;
    this.count -= 1;
  }

  /** Empties it. */
  drain(visit: (index: number, word: number) => void): void {
    if (this.count === 0) return;
    this.words.forEach((word, index) => {
      if (word === 0) return;
      this.remove(index);
      visit(index, word);
    });
  }
}
