import {
  type Clock,
  checkFunction,
  checkInteger,
  checkOptions,
  checkString,
  ignoreFailure,
  type MemoryError,
  memoryError,
  type PressureSignal,
  systemClock,
} from '../../core';
import type { PressureStage } from '../../monitor';
import { type CheckedTarget, checkTarget, type ReclaimOptions, type ReclaimTarget } from './targets';

/** One round of the journal. Bytes. */
export interface ReclaimRound {
  readonly atMs: number;
  /** Who asked: `budget images`, `pressure high`, `trim`, or the caller's own words. */
  readonly reason: string;
  readonly targetBytes: number;
  readonly freedBytes: number;
  /** Those that were asked, in their order, with what each gave. */
  readonly asked: readonly { readonly name: string; readonly freedBytes: number }[];
  /** Those that threw, or answered nonsense. */
  readonly failed: readonly string[];
}

export interface ReclaimerStats {
  readonly targets: number;
  readonly rounds: number;
  /** Bytes that the targets say they gave back, those that answered later included. */
  readonly freedBytes: number;
  readonly failures: number;
  /** Rounds that were refused because one was under way. */
  readonly reentered: number;
  /** Targets that were asked and have not answered yet. */
  readonly pending: number;
}

export interface ReclaimerOptions {
  readonly name?: string;
  /** Rounds that the journal keeps. Default 64. */
  readonly journalLength?: number;
  readonly clock?: Clock;
}

/** What a reclaimer needs of a budget. */
export interface ReclaimingBudget {
  readonly name: string;
  addReclaimer(reclaimer: {
    readonly name: string;
    readonly priority?: number;
    reclaimableBytes(): number;
    reclaim(targetBytes: number): number;
  }): () => void;
}

/** What a reclaimer needs of a monitor. */
export interface ReclaimingMonitor extends PressureSignal {
  addAction(action: {
    readonly name: string;
    readonly kind: 'reclaim';
    readonly from?: PressureStage;
    readonly target: { reclaim(targetBytes: number): number; reclaimableBytes(): number };
  }): () => void;
}

/**
 * The one place where those who hold memory that could be had back meet those who need some: budgets before they refuse, a
 * monitor when memory is short, and you. Targets are asked by priority, lowest first, then the one with most to give, until
 * enough was freed. One that throws stops nobody; a round that a target starts inside of its own does nothing.
 *
 * What counts is what the targets say that they gave back. Belongs to one thread.
 */
export class Reclaimer {
  readonly name: string;
  private readonly targets = new Map<ReclaimTarget, CheckedTarget>();
  private readonly busy = new Set<CheckedTarget>();
  private readonly entries: ReclaimRound[] = [];
  private readonly journalLength: number;
  private readonly clock: Clock;
  private readonly listeners = new Set<(round: ReclaimRound) => void>();
  private running = false;
  private rounds = 0;
  private freed = 0;
  private failures = 0;
  private reentered = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(options?: ReclaimerOptions) {
    const given = checkOptions<ReclaimerOptions>('Reclaimer', options, ['name', 'journalLength', 'clock']);
    this.name = checkString('Reclaimer: name', given.name ?? 'reclaimer', 200);
    this.journalLength = checkInteger('Reclaimer: journalLength', given.journalLength ?? 64, 0, 1_000_000);
    this.clock = given.clock ?? systemClock;
    checkFunction('Reclaimer: clock.nowMs', (this.clock as Partial<Clock> | null)?.nowMs);
  }

  /**
   * Adds somebody who can give memory back. Returns the function that removes it.
   *
   * @param target a provider, an allocator, an arena, a cache or anything else with `trim(keepBytes)`, or an object with
   *   `reclaimableBytes()` and `reclaim(targetBytes)`
   * @throws ERR_MEMORY_INVALID_ARGUMENT for what is none, or is there already
   */
  register(target: ReclaimTarget, options?: ReclaimOptions): () => void {
    const where = 'Reclaimer.register';
    const given = checkOptions<ReclaimOptions>(where, options, ['name', 'priority', 'forBudgets', 'reclaimableBytes']);
    const checked = checkTarget(where, target, given);
    if (this.targets.has(target)) throw invalid(`${where}: '${checked.name}' is registered already`);
    this.targets.set(target, checked);
    return () => {
      if (this.targets.get(target) === checked) this.targets.delete(target);
    };
  }

  /** Removes a target; false when it was not there. */
  unregister(target: ReclaimTarget): boolean {
    return this.targets.delete(target);
  }

  /** Bytes that the targets say they could give. */
  reclaimableBytes(): number {
    return this.sum(false);
  }

  /** @internal As reclaimableBytes(), without the targets that budgets do not ask: the tiers of a system, which take long to look. */
  offeredBytes(): number {
    return this.sum(true);
  }

  private sum(forBudgets: boolean): number {
    let total = 0;
    for (const target of this.targets.values()) {
      if (!this.busy.has(target) && (target.forBudgets || !forBudgets)) total += askable(target);
    }
    return total;
  }

  /**
   * Asks targets until `targetBytes` were freed, or all were asked. Returns the bytes that were freed when it returns: what a
   * target gives by a promise counts in stats() only. 0 from inside of a target.
   *
   * @param targetBytes at least 1; infinity asks all for all they have
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and never what a target throws
   */
  reclaim(targetBytes: number = Number.POSITIVE_INFINITY, reason: string = 'asked'): number {
    if (targetBytes !== Number.POSITIVE_INFINITY) checkInteger('Reclaimer.reclaim: targetBytes', targetBytes, 1);
    checkString('Reclaimer.reclaim: reason', reason, 500);
    return this.round(targetBytes, reason, false);
  }

  private round(targetBytes: number, reason: string, forBudgets: boolean): number {
    if (this.running) {
      this.reentered += 1;
      return 0;
    }
    this.running = true;
    const asked: { readonly name: string; readonly freedBytes: number }[] = [];
    const failed: string[] = [];
    let freed = 0;
    try {
      for (const target of this.inOrder(forBudgets)) {
        const bytes = this.ask(target, Math.max(1, targetBytes - freed), failed);
        asked.push(Object.freeze({ name: target.name, freedBytes: bytes }));
        freed += bytes;
        if (freed >= targetBytes) break;
      }
    } finally {
      this.running = false;
    }
    this.note({ atMs: this.clock.nowMs(), reason, targetBytes, freedBytes: freed, asked, failed });
    return freed;
  }

  private inOrder(forBudgets: boolean): CheckedTarget[] {
    return [...this.targets.values()]
      .filter((target) => !this.busy.has(target) && (target.forBudgets || !forBudgets))
      .map((target) => ({ target, bytes: askable(target) }))
      .filter(({ bytes }) => bytes > 0)
      .sort((a, b) => a.target.priority - b.target.priority || b.bytes - a.bytes)
      .map(({ target }) => target);
  }

  private ask(target: CheckedTarget, bytes: number, failed: string[]): number {
    try {
      const answer: unknown = target.reclaim(bytes);
      if (typeof answer === 'number' && answer >= 0 && answer < Number.POSITIVE_INFINITY) return this.count(answer);
      if (typeof (answer as PromiseLike<unknown> | null)?.then === 'function') {
        this.awaitAnswer(target, answer as PromiseLike<unknown>);
        return 0;
      }
    } catch {
      // told in the journal and in stats(); the next one is asked
    }
    this.failures += 1;
    failed.push(target.name);
    return 0;
  }

  private count(bytes: number): number {
    const whole = Math.floor(bytes);
    this.freed = Math.min(Number.MAX_SAFE_INTEGER, this.freed + whole);
    return whole;
  }

  /** Not asked again before it has answered. */
  private awaitAnswer(target: CheckedTarget, answer: PromiseLike<unknown>): void {
    this.busy.add(target);
    Promise.resolve(answer)
      .then(
        (bytes) => {
          if (typeof bytes === 'number' && bytes >= 0 && bytes < Number.POSITIVE_INFINITY) this.count(bytes);
          else this.failures += 1;
        },
        () => {
          this.failures += 1;
        },
      )
      .finally(() => this.busy.delete(target));
  }

  private note(round: ReclaimRound): void {
    this.rounds += 1;
    const entry = Object.freeze({ ...round, asked: Object.freeze(round.asked), failed: Object.freeze(round.failed) });
    this.entries.push(entry);
    if (this.entries.length > this.journalLength) this.entries.shift();
    const failed = (): void => void (this.failures += 1); // a listener that throws undoes nothing
    for (const listener of this.listeners) {
      try {
        ignoreFailure(listener(entry), failed);
      } catch {
        failed();
      }
    }
  }

  /** Calls a function after every round; returns the function that stops that. */
  listen(listener: (round: ReclaimRound) => void): () => void {
    this.listeners.add(checkFunction('Reclaimer.listen: listener', listener));
    return () => void this.listeners.delete(listener);
  }

  /**
   * Lets a budget ask here before it refuses. It helps as far as the targets release what they free to that budget.
   *
   * @param priority among the reclaimers of the budget, lower first. Default 50
   * @returns the function that ends it
   */
  attachBudget(budget: ReclaimingBudget, priority: number = 50): () => void {
    checkFunction(
      'Reclaimer.attachBudget: budget.addReclaimer',
      (budget as Partial<ReclaimingBudget> | null)?.addReclaimer,
    );
    return budget.addReclaimer({
      name: this.name,
      priority,
      reclaimableBytes: () => (this.running ? 0 : this.sum(true)),
      reclaim: (targetBytes) => this.round(targetBytes, `budget ${budget.name}`, true),
    });
  }

  /**
   * Lets a monitor ask here while memory is short, as an action of kind `reclaim`.
   *
   * @param options `from`: the level from which on. Default: the monitor's, medium
   * @returns the function that ends it
   */
  attachMonitor(
    monitor: ReclaimingMonitor,
    options?: { readonly name?: string; readonly from?: PressureStage },
  ): () => void {
    const where = 'Reclaimer.attachMonitor';
    checkFunction(`${where}: monitor.addAction`, (monitor as Partial<ReclaimingMonitor> | null)?.addAction);
    const { name = this.name, from } = checkOptions<{ readonly name?: string; readonly from?: PressureStage }>(
      where,
      options,
      ['name', 'from'],
    );
    return monitor.addAction({
      name: checkString(`${where}: name`, name, 200),
      kind: 'reclaim',
      target: {
        reclaimableBytes: () => (this.running ? 0 : this.sum(false)),
        reclaim: (targetBytes) => this.round(Math.max(1, targetBytes), `pressure ${monitor.level}`, false),
      },
      ...(from === undefined ? {} : { from }),
    });
  }

  /** The latest rounds, oldest first. */
  journal(): readonly ReclaimRound[] {
    return [...this.entries];
  }

  stats(): ReclaimerStats {
    return Object.freeze({
      targets: this.targets.size,
      rounds: this.rounds,
      freedBytes: this.freed,
      failures: this.failures,
      reentered: this.reentered,
      pending: this.busy.size,
    });
  }
}

/** What a target says that it could give; one that throws or says nonsense could give nothing. */
function askable(target: CheckedTarget): number {
  try {
    const bytes = target.reclaimableBytes();
    return Number.isFinite(bytes) && bytes > 0 ? bytes : 0;
  } catch {
    return 0;
  }
}

function invalid(message: string): MemoryError {
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', message);
}
