import { EventEmitter } from 'node:events';
import {
  type Clock,
  checkInteger,
  checkOptions,
  isThenable,
  memoryError,
  type PressureLevel,
  type PressureSignal,
  type Timers,
} from '../core';
import {
  type ActionContext,
  ActionRunner,
  checkAction,
  Journal,
  type JournalEntry,
  type PressureAction,
} from './actions';
import {
  type CheckedSettings,
  checkMonitorOptions,
  checkSettings,
  type MonitorEvents,
  type MonitorOptions,
  type MonitorSettings,
  type MonitorState,
  type MonitorStats,
  SETTING_KEYS,
} from './options';
import { LevelDwell, rankOf } from './scale';
import { BudgetSource, checkSource, defaultSources, type PressureSource, SourceSlot } from './sources';
import { SteadyClock } from './steady-clock';

/** Sources that tell by themselves may do so a hundred times a second; they are read at most so often. */
const WAKE_GAP_MS = 50;

type Writable<T> = { -readonly [key in keyof T]: T[key] };

/**
 * Notices that memory gets short and answers before the kernel kills. Sources say how short it is; the highest of them is
 * `level`, which goes up at once and down after a dwell time; actions run while it is at their level or above, in small
 * steps. Reading `level` and `largestAllowedBytes` is a property read.
 *
 * While it runs one unref'd timer is pending, and nothing else is done between its ticks. It lives on the event loop: a
 * loop that is blocked is not watched. Nothing that a source, an action or a listener throws leaves it. Belongs to one thread.
 */
export class MemoryMonitor extends EventEmitter<MonitorEvents> implements PressureSignal, Disposable {
  /** How short memory is: none while the monitor is not running. */
  readonly level: PressureLevel = 'none';
  /** The largest allocation that is welcome now, in bytes: infinity unless an action of kind `deny` is at work. */
  readonly largestAllowedBytes: number = Number.POSITIVE_INFINITY;
  readonly state: MonitorState = 'idle';

  private settings: CheckedSettings;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly log: Journal;
  private readonly runner: ActionRunner;
  private readonly dwell: LevelDwell;
  private readonly slots = new Set<SourceSlot>();
  private timer: unknown = null;
  /** Counts the times that it was armed and disarmed: a timer of before does nothing. */
  private armings = 0;
  /** Why no timer is pending, where timers failed. */
  private unarmed: { readonly error: unknown } | null = null;
  private dueMs = Number.POSITIVE_INFINITY;
  private lastTickMs = Number.NEGATIVE_INFINITY;
  private sinceMs: number | null = null;
  private running = false;
  private closed = false;
  private ticking = false;
  private woken = false;
  private telling = false;
  private ticks = 0;
  private wakes = 0;
  private changes = 0;
  private failures = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(options?: MonitorOptions) {
    super();
    const checked = checkMonitorOptions('MemoryMonitor', options);
    this.settings = checked.settings;
    this.clock = new SteadyClock(checked.clock, (error) => this.fail('clock', error));
    this.timers = checked.timers;
    this.log = new Journal(checked.journalEntries);
    this.dwell = new LevelDwell(checked.settings.dwellMs);
    this.runner = this.makeRunner();
    for (const source of checked.sources ?? defaultSources()) this.addSource(source);
    for (const budget of checked.budgets) this.addSource(new BudgetSource(budget));
    for (const action of checked.actions) this.addAction(action);
  }

  private makeRunner(): ActionRunner {
    const monitor = this;
    return new ActionRunner({
      get settings() {
        return monitor.settings;
      },
      journal: this.log,
      nowMs: () => this.clock.nowMs(),
      level: () => this.level,
      isActive: () => this.running,
      acting: () => this.setState('action'),
      told: (entry) => {
        this.setLimit();
        this.tell('action', entry);
      },
      failed: (where, error) => this.fail(where, error),
      settled: () => this.settle(),
    });
  }

  /**
   * Begins; a second call does nothing. Reads all sources before it returns.
   *
   * @throws ERR_MEMORY_CLOSED, and what the timers throw: it is stopped then
   */
  start(): this {
    if (this.closed) throw memoryError('ERR_MEMORY_CLOSED', 'MemoryMonitor.start: the monitor was disposed');
    if (this.running) return this;
    this.running = true;
    for (const slot of [...this.slots]) {
      // A source may stop the monitor, or remove another one.
      if (!this.running) return this;
      if (this.slots.has(slot)) slot.start(() => this.wake());
    }
    this.settle();
    // From inside a round that stop() has ended: the next one comes soon.
    this.woken = this.ticking;
    this.unarmed = null;
    this.tick();
    this.needTimer();
    return this;
  }

  private needTimer(): void {
    const { unarmed } = this;
    if (unarmed === null || !this.running) return;
    this.stop();
    throw unarmed.error;
  }

  /** Ends; the level falls to none and nothing is denied any more. A second call does nothing. start() begins again. */
  stop(): void {
    if (!this.running) return;
    this.running = false;
    this.disarm();
    this.dwell.reset();
    const tellLifted = this.runner.stop();
    this.setLimit();
    if (this.stopSources()) {
      this.setLevel('none', 'the monitor was stopped');
      this.settle();
    }
    tellLifted();
  }

  /** False where the monitor was started again by one of them, or by who was told that one failed. */
  private stopSources(): boolean {
    for (const slot of [...this.slots]) {
      slot.stop();
      if (this.running) return false;
    }
    return true;
  }

  /** As stop(), for good. */
  [Symbol.dispose](): void {
    this.closed = true;
    this.stop();
  }

  /** Reads all sources now and does what follows. Returns the level. Inside an action or listener: the level alone. */
  poll(): PressureLevel {
    if (!this.running) throw memoryError('ERR_MEMORY_INVALID_STATE', 'MemoryMonitor.poll: the monitor is not running');
    this.tick();
    return this.level;
  }

  /** True when an allocation of this size is welcome now. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  allows(byteLength: number): boolean {
    return checkInteger('MemoryMonitor.allows: byteLength', byteLength) <= this.largestAllowedBytes;
  }

  /** Adds a source; returns the function that removes it. @throws ERR_MEMORY_INVALID_ARGUMENT, also for a source twice */
  addSource(source: PressureSource): () => void {
    const where = 'MemoryMonitor.addSource';
    checkSource(where, source);
    if ([...this.slots].some((slot) => slot.source === source)) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: the source '${source.name}' is there already`);
    }
    const slot = new SourceSlot(source, (error) => this.fail(`source '${source.name}'`, error));
    this.slots.add(slot);
    if (this.running) slot.start(() => this.wake());
    return () => {
      if (this.slots.delete(slot)) slot.stop();
    };
  }

  /** Adds an action; returns the function that removes it. @throws ERR_MEMORY_INVALID_ARGUMENT, also for a name twice */
  addAction(action: PressureAction): () => void {
    const checked = checkAction('MemoryMonitor.addAction', action);
    if (this.runner.has(checked.name)) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `MemoryMonitor: there is an action '${checked.name}' already`);
    }
    this.runner.add(checked);
    return () => {
      this.runner.remove(checked);
      this.setLimit();
      this.settle();
    };
  }

  /** Changes settings while it runs; what is left out stays. @throws ERR_MEMORY_INVALID_ARGUMENT and changes nothing */
  configure(settings: MonitorSettings): void {
    const where = 'MemoryMonitor.configure';
    const given = checkOptions<MonitorSettings>(where, settings, SETTING_KEYS);
    this.settings = checkSettings(where, given, this.settings);
    this.dwell.dwellMs = this.settings.dwellMs;
    this.runner.updateLimit();
    this.setLimit();
    if (!this.running || this.ticking) return;
    // The interval counts from the last reading, or whoever configures often would put it off for ever.
    const nowMs = this.clock.nowMs();
    const soonMs = this.woken ? this.dueMs - nowMs : Number.POSITIVE_INFINITY;
    this.arm(Math.max(0, Math.min(soonMs, this.lastTickMs + this.settings.intervalMs - nowMs)));
  }

  /** What was done, the oldest first. */
  journal(): readonly JournalEntry[] {
    return this.log.entries();
  }

  stats(): MonitorStats {
    const { state, level, sinceMs, ticks, wakes, changes, failures } = this;
    const { freedBytes } = this.runner;
    const sources = this.statuses();
    return Object.freeze({
      ...{ state, level, sinceMs, ticks, wakes, changes },
      ...{ journaled: this.log.total, freedBytes, failures, sources },
    });
  }

  private tick(): void {
    if (this.ticking || !this.running) return;
    this.ticking = true;
    this.woken = false;
    try {
      this.lastTickMs = this.clock.nowMs();
      this.ticks += 1;
      this.read(this.lastTickMs);
      if (this.running) this.act();
    } catch (error) {
      this.fail('tick', error);
    } finally {
      this.ticking = false;
      this.settle();
      if (this.running) this.arm(this.woken ? WAKE_GAP_MS : this.settings.intervalMs);
    }
  }

  private read(nowMs: number): void {
    let raw: PressureLevel = 'none';
    for (const slot of [...this.slots]) {
      if (slot.read(nowMs, this.settings.retryMs)) this.tell('source', slot.status());
      if (!this.running) return;
      if (this.slots.has(slot) && rankOf(slot.level) > rankOf(raw)) raw = slot.level;
    }
    const level = this.dwell.update(raw, nowMs);
    if (level !== this.level) this.setLevel(level, this.reason());
  }

  private act(): void {
    const { level } = this;
    const monitor = this;
    const reason = level === 'none' ? 'no pressure' : this.reason();
    const context: ActionContext = {
      level,
      reason,
      get sources() {
        return monitor.statuses();
      },
    };
    this.runner.run(context);
    this.setLimit();
  }

  /** The source that is highest, in its words; after a fall, that none is as high as it was. */
  private reason(): string {
    let highest: SourceSlot | null = null;
    for (const slot of this.slots) if (highest === null || rankOf(slot.level) > rankOf(highest.level)) highest = slot;
    if (highest === null || highest.level === 'none') return 'no source tells of pressure';
    const { name, level, detail } = highest.status();
    return `${name}: ${level}, ${detail}`;
  }

  private statuses(): MonitorStats['sources'] {
    return Object.freeze([...this.slots].map((slot) => slot.status()));
  }

  private setLevel(to: PressureLevel, reason: string): void {
    const from = this.level;
    if (from === to) return;
    const atMs = this.clock.nowMs();
    const heldMs = this.sinceMs === null ? 0 : atMs - this.sinceMs;
    (this as Writable<this>).level = to;
    this.sinceMs = atMs;
    this.changes += 1;
    this.settle();
    if (this.listenerCount('change') === 0) return;
    this.tell('change', Object.freeze({ from, to, atMs, heldMs, reason, sources: this.statuses() }));
  }

  private setLimit(): void {
    (this as Writable<this>).largestAllowedBytes = this.runner.largestAllowedBytes;
  }

  /** The state that fits when no round is under way. */
  private settle(): void {
    if (!this.running) this.setState('idle');
    else if (this.runner.isBusy) this.setState('action');
    else this.setState(this.level === 'none' ? 'monitoring' : 'pressure');
  }

  private setState(to: MonitorState): void {
    const from = this.state;
    if (from === to) return;
    (this as Writable<this>).state = to;
    this.tell('state', Object.freeze({ from, to, atMs: this.clock.nowMs() }));
  }

  private wake(): void {
    if (!this.running) return;
    this.wakes += 1;
    this.woken = true;
    if (this.ticking) return;
    const delayMs = Math.max(0, this.lastTickMs + WAKE_GAP_MS - this.clock.nowMs());
    if (this.clock.nowMs() + delayMs < this.dueMs) this.arm(delayMs);
  }

  private arm(delayMs: number): void {
    const arming = this.armings + 1;
    this.disarm();
    const dueMs = this.clock.nowMs() + delayMs;
    if (arming !== this.armings || !this.running) return; // by who was told of a failure
    this.dueMs = dueMs;
    try {
      this.timer = this.timers.start(() => {
        if (arming !== this.armings) return; // could not be stopped
        this.timer = null;
        this.dueMs = Number.POSITIVE_INFINITY;
        if (this.running) this.tick();
      }, delayMs);
      this.unarmed = null;
    } catch (error) {
      this.dueMs = Number.POSITIVE_INFINITY; // whatever wakes it tries again
      this.unarmed = { error };
      this.fail('timer', error);
    }
  }

  private disarm(): void {
    const { timer } = this;
    this.timer = null;
    this.armings += 1;
    this.dueMs = Number.POSITIVE_INFINITY;
    if (timer === null) return;
    try {
      this.timers.stop(timer);
    } catch (error) {
      this.fail('timer', error);
    }
  }

  /** As emit(), but what a listener throws, or its promise, stays here. */
  private tell<K extends keyof MonitorEvents>(event: K, ...args: MonitorEvents[K]): void {
    for (const listener of this.rawListeners(event)) {
      try {
        const answer: unknown = Reflect.apply(listener, this, args);
        if (isThenable(answer)) answer.then(undefined, (error) => this.listenerFailed(event, error));
      } catch (error) {
        this.listenerFailed(event, error);
      }
    }
  }

  private listenerFailed(event: keyof MonitorEvents, error: unknown): void {
    // One of failures that fails has nobody left to be told to: it would be told of itself without end.
    if (event === 'failure') this.failures += 1;
    else this.fail(`listener of ${event}`, error);
  }

  private fail(where: string, error: unknown): void {
    this.failures += 1;
    if (this.telling) return; // what a listener of failures makes fail is counted
    this.telling = true;
    try {
      this.tell('failure', Object.freeze({ where, error }));
    } finally {
      this.telling = false;
    }
  }
}
