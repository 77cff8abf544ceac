/**
 * Tells which checkpoints still hold after restores by their own attachment: those to which nothing was taken back from
 * below. Restores and resets by others are seen as eras that this log has not noted, and end every earlier checkpoint.
 */
export class RestoreLog {
  private first = 0; // all eras above it, up to `last`, are noted here
  private last = 0;
  // Eras and targets of restores, both rising: one that went lower has replaced those before it.
  private readonly eras: number[] = [];
  private readonly targets: number[] = [];

  /** True when a checkpoint of `era`, at `target`, still holds in the era `now`. */
  allows(era: number, now: number, target: number): boolean {
    if (era === now) return true;
    if (now !== this.last || era < this.first) return false;
    const after = this.eras.findIndex((noted) => noted > era);
    return after >= 0 && (this.targets[after] ?? 0) >= target;
  }

  /** Notes a restore that began the given era. */
  note(era: number, target: number): void {
    if (era !== this.last + 1) {
      this.first = era - 1;
      this.eras.length = 0;
      this.targets.length = 0;
    }
    this.last = era;
    while (this.targets.length > 0 && (this.targets.at(-1) ?? 0) >= target) {
      this.targets.pop();
      this.eras.pop();
    }
    this.eras.push(era);
    this.targets.push(target);
  }
}
