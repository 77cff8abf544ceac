import { checkBoolean, checkOptions, type Duration, memoryError, parseDuration, stopTimer, type Timers } from '../core';
import { Draining, stillHeld } from './draining';
import type { Engine } from './engine';
import { wordsOf } from './extensions/hooks';
import type { HolderStats } from './holders';

export interface ShutdownOptions {
  /** How long to wait for what is held. Default 10 s; 0 does not wait. */
  readonly deadlineMs?: Duration;
  /** End at the deadline, whatever is held: views of it have length 0 then. Default false. */
  readonly force?: boolean;
}

/** What a life needs of its system. Internal. */
export interface LifeHost {
  readonly name: string;
  /** Maps the first memory and connects; throws with nothing done. */
  open(): void;
  /** Lets go of everything; what throws leaves the rest for the next call. */
  close(): void;
  liveBlocks(): number;
  holders(): HolderStats[];
  spaces(): { readonly name: string; readonly blocks: number; readonly bytes: number }[];
}

/** How long plugins may take to shut down. */
const HOOK_DEADLINE_MS = 5000;

/** Created, running, draining, stopped: what leads from one to the next. Internal. */
export class Life {
  private readonly host: LifeHost;
  private readonly engine: Engine;
  private readonly timers: Timers;
  /** Whether plugins were told of the end. */
  private told = false;
  private draining: Draining | null = null;
  private ending: Promise<void> | null = null;

  constructor(host: LifeHost, engine: Engine, timers: Timers) {
    this.host = host;
    this.engine = engine;
    this.timers = timers;
  }

  start(): void {
    const { engine, host } = this;
    engine.hooks.needQuiet('MemorySystem.start');
    if (engine.state === 'running') return;
    if (engine.state !== 'created') {
      throw memoryError(
        'ERR_MEMORY_INVALID_STATE',
        `MemorySystem.start: it is ${engine.state}, and does not begin again`,
      );
    }
    host.open();
    engine.hooks.call('onInit', Object.freeze({ name: host.name }));
    engine.setState('running');
  }

  drain(): Promise<void> {
    this.engine.hooks.needQuiet('MemorySystem.drain');
    return this.begin()
      .wait(this.timers, null)
      .then(() => {});
  }

  private begin(): Draining {
    const { engine } = this;
    if (engine.state === 'created' || engine.state === 'running') engine.setState('draining');
    this.draining ??= new Draining(() => this.host.liveBlocks());
    engine.onFree ??= () => this.draining?.note();
    return this.draining;
  }

  /** Something other than a free may have changed what is held. */
  recount(): void {
    this.draining?.recount();
  }

  shutdown(options: ShutdownOptions | undefined): Promise<void> {
    const where = 'MemorySystem.shutdown';
    this.engine.hooks.needQuiet(where);
    const given = checkOptions<ShutdownOptions>(where, options, ['deadlineMs', 'force']);
    const deadlineMs = parseDuration(given.deadlineMs ?? '10s', `${where}: deadlineMs`);
    const force = given.force !== undefined && checkBoolean(`${where}: force`, given.force);
    this.ending ??= this.end(deadlineMs, force).finally(() => {
      this.ending = null;
    });
    return this.ending;
  }

  private async end(deadlineMs: number, force: boolean): Promise<void> {
    if (this.hasStopped()) return;
    const empty = await this.begin().wait(this.timers, deadlineMs);
    if (this.hasStopped()) return; // disposed meanwhile
    const { host, engine } = this;
    if (!empty && !force) {
      const held = host.holders();
      const error = stillHeld(host.name, deadlineMs, held, host.spaces());
      engine.hooks.log('error', { held }, error.message);
      throw error;
    }
    if (!this.told) {
      this.told = true;
      await this.settlePlugins();
    }
    if (!this.hasStopped()) this.close();
  }

  private hasStopped(): boolean {
    return this.engine.state === 'stopped';
  }

  private async settlePlugins(): Promise<void> {
    const { hooks } = this.engine;
    let timer: unknown = null;
    let done = false;
    const late = new Promise<void>((resolve) => {
      try {
        timer = this.timers.start(() => {
          if (done) return;
          hooks.log('warn', { afterMs: HOOK_DEADLINE_MS }, 'a plugin did not shut down in time');
          resolve();
        }, HOOK_DEADLINE_MS);
      } catch (error) {
        hooks.log('warn', { error: wordsOf(error) }, 'plugins are waited for without a deadline');
      }
    });
    await Promise.race([hooks.settle('onShutdown'), late]);
    done = true;
    if (timer !== null) stopTimer(this.timers, timer);
  }

  dispose(): void {
    if (this.hasStopped()) return;
    this.engine.hooks.needQuiet('MemorySystem.dispose');
    this.begin();
    if (!this.told) {
      this.told = true;
      this.engine.hooks.call('onShutdown');
    }
    this.close();
  }

  private close(): void {
    this.host.close();
    this.engine.setState('stopped');
    this.recount();
  }
}
