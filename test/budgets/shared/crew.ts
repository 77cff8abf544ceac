import { join } from 'node:path';
import type { SharedBudget } from '../../../lib/budgets';
import { Region } from '../../../lib/platform';
import { type Hand, type Mode, startHand } from '../../support/hands';

const MEMBER = join(__dirname, 'member.cjs');
const STOP = 0;
const TOTAL = 1;
const KILLS = 2;
const PASSED = 3;
const DONE = 4;
const WAITED = 5;
const OWN = 16;
/** Less than the time that a test has: what a loaded machine delays has not failed. */
const LIMIT_MS = 160_000;

export interface CrewOptions {
  readonly limitBytes: number;
  readonly quantumBytes: number;
  /** The most that one of them has reserved at once. */
  readonly most: number;
  /** Steps between two turns of its event loop. */
  readonly batch: number;
  readonly waits?: boolean;
  readonly open?: string;
  readonly seed?: number;
}

/** Members in threads or processes of their own, and the desk at which they tell what they have. */
export class Crew {
  private readonly desk = Region.shared(4096);
  private readonly words = new Int32Array(this.desk.buffer, 0, 512);
  private readonly hands: Hand[] = [];
  private count = 0;
  private readonly budget: SharedBudget | null;
  private readonly options: CrewOptions;

  constructor(budget: SharedBudget | null, options: CrewOptions) {
    this.budget = budget;
    this.options = options;
  }

  async begin(mode: Mode): Promise<Hand> {
    this.count += 1;
    const id = this.count;
    const setup = {
      seed: 1,
      ...this.options,
      ...(this.budget === null ? {} : { handle: this.budget.handle }),
      library: process.env['NEBULA_TEST_LIBRARY'],
      desk: this.desk.handle,
      id,
    };
    const hand = await startHand(MEMBER, mode, id, setup);
    this.hands.push(hand);
    return hand;
  }

  /** Kills one; others may be granted what it had before that is taken off the total: KILLS is odd meanwhile. */
  async kill(hand: Hand): Promise<string> {
    Atomics.add(this.words, KILLS, 1);
    const how = await hand.kill();
    Atomics.sub(this.words, TOTAL, Atomics.exchange(this.words, OWN + hand.id, 0));
    Atomics.add(this.words, KILLS, 1);
    return how;
  }

  get done(): number {
    return Atomics.load(this.words, DONE);
  }

  /** How often the limit was seen passed. */
  get passed(): number {
    return Atomics.load(this.words, PASSED);
  }

  get waited(): number {
    return Atomics.load(this.words, WAITED);
  }

  /** Waits until so many more reservations were made. */
  async more(reservations: number): Promise<void> {
    const from = this.done;
    await this.until(
      () => this.done >= from + reservations,
      () => `only ${this.done - from} of ${reservations} reservations`,
    );
  }

  /** Waits while all are at work, until something is so. @throws with what it was instead */
  async until(isSo: () => boolean, instead: () => string): Promise<void> {
    const from = Date.now();
    while (!isSo()) {
      if (Date.now() - from > LIMIT_MS) throw new Error(instead());
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Lets all end by themselves. @returns how each ended */
  async end(): Promise<string[]> {
    Atomics.store(this.words, STOP, 1);
    return Promise.all(this.hands.map(({ ended }) => ended));
  }

  close(): void {
    this.desk.free();
  }
}
