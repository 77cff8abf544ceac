import { isMemoryError, isThenable, memoryError, type PressureLevel } from '../../core';
import { rankOf } from '../scale';
import { reasonOf } from '../sources';
import { type ActionContext, type CheckedAction, ratioAt, type StepRatio } from './action';
import type { Journal, JournalEntry } from './journal';

export interface RunnerSettings {
  actionIntervalMs: number;
  actionDeadlineMs: number;
  stepRatio: StepRatio;
  dryRun: boolean;
}

/** What the runner needs of the monitor. */
export interface RunnerHost {
  readonly settings: Readonly<RunnerSettings>;
  readonly journal: Journal;
  nowMs(): number;
  level(): PressureLevel;
  /** False once the monitor was stopped, maybe by the action that just ran. */
  isActive(): boolean;
  /** A step is about to be done. */
  acting(): void;
  told(entry: JournalEntry): void;
  failed(where: string, error: unknown): void;
  /** An answer came, or will not come: `isBusy` may have changed. */
  settled(): void;
}

/** The step ratio where neither the monitor nor the action says one for a level. */
export const DEFAULT_STEP_RATIO = 0.05;

interface Slot {
  readonly action: CheckedAction;
  lastMs: number | null;
  /** When the answer that is awaited was asked for. */
  askedAtMs: number | null;
  overdue: boolean;
  isDenying: boolean;
}

type Facts = Pick<JournalEntry, 'level' | 'reason' | 'reclaimableBytes' | 'askedBytes'>;

const NO_BYTES = { reclaimableBytes: null, askedBytes: null };

/** Runs the actions that a level calls for, each at its own pace, and keeps what they do wrong to themselves. */
export class ActionRunner {
  private readonly host: RunnerHost;
  private readonly slots = new Map<string, Slot>();
  largestAllowedBytes = Number.POSITIVE_INFINITY;
  freedBytes = 0;

  constructor(host: RunnerHost) {
    this.host = host;
  }

  has(name: string): boolean {
    return this.slots.has(name);
  }

  add(action: CheckedAction): void {
    this.slots.set(action.name, { action, lastMs: null, askedAtMs: null, overdue: false, isDenying: false });
  }

  remove(action: CheckedAction): void {
    const slot = this.slots.get(action.name);
    if (slot?.action !== action) return;
    this.slots.delete(action.name);
    this.updateLimit();
    if (slot.isDenying) this.lifted(slot, this.host.level(), 'the action was removed');
  }

  /** True while an answer is awaited whose time is not up. */
  get isBusy(): boolean {
    for (const { askedAtMs, overdue } of this.slots.values()) if (askedAtMs !== null && !overdue) return true;
    return false;
  }

  /** One round. */
  run(context: ActionContext): void {
    // A copy: an action may add and remove actions.
    for (const slot of [...this.slots.values()]) {
      if (this.slots.get(slot.action.name) !== slot) continue;
      if (!this.host.isActive()) break;
      if (this.isOverdue(slot)) this.expired(slot, context);
      if (slot.action.kind === 'deny') this.deny(slot, context);
      else if (this.isDue(slot, context.level)) this.ask(slot, context);
    }
  }

  /**
   * The monitor stops: nothing is denied any more. What is awaited may still answer, and each keeps its pace.
   *
   * @returns what tells of it
   */
  stop(): () => void {
    const denying = [...this.slots.values()].filter(({ isDenying }) => isDenying);
    for (const slot of denying) slot.isDenying = false;
    this.updateLimit();
    return () => {
      for (const slot of denying) this.lifted(slot, 'none', 'the monitor was stopped');
    };
  }

  private lifted(slot: Slot, level: PressureLevel, reason: string): void {
    if (!this.host.settings.dryRun) this.note(slot, 'allowing', { ...NO_BYTES, level, reason });
  }

  private isOverdue(slot: Slot): boolean {
    if (slot.askedAtMs === null || slot.overdue) return false;
    slot.overdue = this.host.nowMs() - slot.askedAtMs >= this.host.settings.actionDeadlineMs;
    return slot.overdue;
  }

  private expired(slot: Slot, { level, reason }: ActionContext): void {
    const error = memoryError(
      'ERR_MEMORY_TIMEOUT',
      `action '${slot.action.name}' has not answered within ${this.host.settings.actionDeadlineMs} ms`,
      { source: slot.action.name, hint: 'It is not asked again before it answers.' },
    );
    this.note(
      slot,
      'unanswered',
      { ...NO_BYTES, level, reason },
      { error: { code: error.code, message: error.message } },
    );
    this.host.failed(`action '${slot.action.name}'`, error);
  }

  private isDue({ action, askedAtMs, lastMs }: Slot, level: PressureLevel): boolean {
    if (askedAtMs !== null || rankOf(level) < rankOf(action.from)) return false;
    const intervalMs = action.intervalMs ?? this.host.settings.actionIntervalMs;
    return lastMs === null || this.host.nowMs() - lastMs >= intervalMs;
  }

  private deny(slot: Slot, { level, reason }: ActionContext): void {
    const wanted = rankOf(level) >= rankOf(slot.action.from);
    if (wanted === slot.isDenying) return;
    slot.isDenying = wanted;
    const { dryRun } = this.host.settings;
    this.updateLimit();
    this.note(slot, dryRun ? 'dryRun' : wanted ? 'denying' : 'allowing', { ...NO_BYTES, level, reason });
  }

  updateLimit(): void {
    let least = Number.POSITIVE_INFINITY;
    if (!this.host.settings.dryRun) {
      for (const { action, isDenying } of this.slots.values())
        if (isDenying) least = Math.min(least, action.largestBytes);
    }
    this.largestAllowedBytes = least;
  }

  /** One step of one action, where it has something to give. */
  private ask(slot: Slot, context: ActionContext): void {
    const { action } = slot;
    const { level, reason } = context;
    let facts: Facts = { level, reason, ...NO_BYTES };
    let before: number | null = null;
    try {
      const reclaimableBytes = action.reclaimableBytes === null ? null : sizeOf(action.reclaimableBytes());
      const askedBytes = reclaimableBytes === null ? null : this.stepOf(action, reclaimableBytes, level);
      facts = { level, reason, reclaimableBytes, askedBytes };
      if (askedBytes === 0 || !this.isThere(slot)) return;
      slot.lastMs = this.host.nowMs();
      if (this.host.settings.dryRun) {
        this.note(slot, 'dryRun', facts);
        return;
      }
      this.host.acting();
      before = measured(action);
      if (!this.isThere(slot)) return;
      const keepBytes = reclaimableBytes === null ? action.keepBytes : reclaimableBytes - (askedBytes ?? 0);
      const answer = action.step(askedBytes, keepBytes, context);
      if (isThenable(answer)) this.await(slot, answer, facts, before);
      else this.answered(slot, answer, facts, before, 'done');
    } catch (error) {
      slot.lastMs = this.host.nowMs();
      this.broke(slot, error, facts);
    }
  }

  /** What is asked of its size may have stopped the monitor, or removed the action. */
  private isThere(slot: Slot): boolean {
    return this.host.isActive() && this.slots.get(slot.action.name) === slot;
  }

  private stepOf(action: CheckedAction, reclaimableBytes: number, level: PressureLevel): number {
    const general = ratioAt(this.host.settings.stepRatio, level, DEFAULT_STEP_RATIO);
    const ratio = action.stepRatio === null ? general : ratioAt(action.stepRatio, level, general);
    return Math.min(Math.floor(reclaimableBytes * ratio), Math.max(0, reclaimableBytes - action.keepBytes));
  }

  private await(slot: Slot, answer: PromiseLike<unknown>, facts: Facts, before: number | null): void {
    // Promise.resolve: a thenable that answers twice, or at once, is tamed. It may throw.
    const promise = Promise.resolve(answer);
    slot.askedAtMs = this.host.nowMs();
    this.note(slot, 'asked', facts);
    const end = (work: () => void): void => {
      const wasOverdue = slot.overdue;
      slot.askedAtMs = null;
      slot.overdue = false;
      if (!wasOverdue) this.host.settled();
      work();
    };
    promise.then(
      (value) => {
        const outcome = slot.overdue ? 'late' : 'done';
        // Meanwhile others may have freed or taken what this target has: what it says itself is nearer, where it says so.
        const isSaid = Number.isFinite(value) && slot.action.measure === null;
        end(() => this.answered(slot, value, facts, isSaid ? null : before, outcome));
      },
      (error) => end(() => this.broke(slot, error, facts)),
    );
  }

  private answered(slot: Slot, answer: unknown, facts: Facts, before: number | null, outcome: 'done' | 'late'): void {
    let freedBytes = typeof answer === 'number' && Number.isFinite(answer) ? Math.max(0, answer) : null;
    let isMeasured = false;
    try {
      const after = before === null ? null : measured(slot.action);
      if (before !== null && after !== null) {
        freedBytes = Math.max(0, before - after);
        isMeasured = true;
      }
    } catch (error) {
      this.host.failed(`action '${slot.action.name}', measuring`, error);
    }
    this.freedBytes += freedBytes ?? 0;
    this.note(slot, outcome, facts, { freedBytes, measured: isMeasured });
  }

  private broke(slot: Slot, error: unknown, facts: Facts): void {
    const code = isMemoryError(error) ? error.code : null;
    this.note(slot, 'failed', facts, { error: { code, message: reasonOf(error) } });
    this.host.failed(`action '${slot.action.name}'`, error);
  }

  private note(slot: Slot, outcome: JournalEntry['outcome'], facts: Facts, more: Partial<JournalEntry> = {}): void {
    const { name: action, kind } = slot.action;
    const { level, reason, reclaimableBytes, askedBytes } = facts;
    const entry = { action, kind, outcome, level, reason, reclaimableBytes, askedBytes };
    const rest = { freedBytes: null, measured: false, error: null, ...more };
    this.host.told(this.host.journal.add({ atMs: this.host.nowMs(), ...entry, ...rest }));
  }
}

function measured({ measure, reclaimableBytes }: CheckedAction): number | null {
  const bytes = (measure ?? reclaimableBytes)?.();
  return typeof bytes === 'number' && Number.isFinite(bytes) ? bytes : null;
}

/** @returns what it says, 0 where that is no size */
function sizeOf(bytes: unknown): number {
  return typeof bytes === 'number' && Number.isFinite(bytes) && bytes > 0
    ? Math.min(Math.floor(bytes), Number.MAX_SAFE_INTEGER)
    : 0;
}
