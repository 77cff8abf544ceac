import { ignoreFailure } from '../../core';
import { reentrant } from './errors';
import { checkMade, checkNothing, checkVerdict, type SyncPoolCallbacks } from './hooks';
import type { PoolHooks } from './pool';

/** Hooks that call the pool, whose hooks call the pool, and so on: so deep and no deeper. */
const DEEPEST = 200;

/** Calls the hooks and callbacks of one pool, sees to what they answer, and counts what fails. */
export class HookRunner<T extends object> {
  readonly hooks: PoolHooks<T>;
  readonly callbacks: SyncPoolCallbacks<T>;
  /** How many of them are running, one called by another. */
  depth = 0;
  /** Hooks that threw or answered with nonsense. */
  hookErrors = 0;
  callbackErrors = 0;
  private readonly name: string;
  private making = false;

  constructor(name: string, hooks: PoolHooks<T>, callbacks: SyncPoolCallbacks<T>) {
    this.name = name;
    this.hooks = hooks;
    this.callbacks = callbacks;
  }

  /** For calls that run hooks: those of hooks of hooks end somewhere. @throws ERR_MEMORY_INVALID_STATE */
  checkDepth(method: string): void {
    if (this.depth >= DEEPEST) throw reentrant(this.name, method, 'hook of a hook');
  }

  /** A new object. @throws ERR_MEMORY_INVALID_STATE from inside `create`, and what it throws */
  create(method: string): T {
    if (this.making) throw reentrant(this.name, method, 'create');
    this.making = true;
    this.depth += 1;
    try {
      return checkMade(this.name, this.hooks.create());
    } catch (error) {
      this.hookErrors += 1;
      throw error;
    } finally {
      this.depth -= 1;
      this.making = false;
    }
  }

  reset(object: T): void {
    this.depth += 1;
    try {
      const answer: unknown = this.hooks.reset!(object);
      if (answer !== undefined) checkNothing(this.name, 'reset', answer);
    } catch (error) {
      this.hookErrors += 1;
      throw error;
    } finally {
      this.depth -= 1;
    }
  }

  validate(object: T): boolean {
    this.depth += 1;
    try {
      return checkVerdict(this.name, this.hooks.validate!(object));
    } catch (error) {
      this.hookErrors += 1;
      throw error;
    } finally {
      this.depth -= 1;
    }
  }

  /** Ends an object. What fails is put to the `failures`, or reported without them. */
  dispose(object: T, failures: unknown[] | undefined): void {
    if (this.hooks.dispose === undefined) return;
    this.depth += 1;
    try {
      checkNothing(this.name, 'dispose', this.hooks.dispose(object));
    } catch (error) {
      this.hookErrors += 1;
      if (failures === undefined) this.report(error, 'dispose');
      else failures.push(error);
    } finally {
      this.depth -= 1;
    }
  }

  /** Calls one of the callbacks, if it was given. */
  tell(callback: ((object: T) => void) | undefined, object: T): void {
    if (callback === undefined) return;
    this.depth += 1;
    try {
      this.seeTo(callback.call(this.callbacks, object));
    } catch {
      this.countCallbackError();
    } finally {
      this.depth -= 1;
    }
  }

  /** A failure of a hook that no caller is told of. */
  report(error: unknown, hook: string): void {
    if (this.callbacks.onHookError === undefined) return;
    this.depth += 1;
    try {
      this.seeTo(this.callbacks.onHookError(error, hook));
    } catch {
      this.countCallbackError();
    } finally {
      this.depth -= 1;
    }
  }

  /** A promise that fails later counts as well. */
  private seeTo(answer: unknown): void {
    if (answer !== undefined) ignoreFailure(answer, () => this.countCallbackError());
  }

  private countCallbackError(): void {
    this.callbackErrors += 1;
  }
}
