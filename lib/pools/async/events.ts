import { checkFunction, checkOneOf, isThenable } from '../../core';

/** What an AsyncPool tells. `id` joins a request with what came of it. */
export interface AsyncPoolEvents<T> {
  acquireRequest: [event: { readonly id: number }];
  acquireSuccess: [event: { readonly id: number; readonly object: T }];
  acquireFail: [event: { readonly id: number; readonly error: unknown }];
  /** One came back. */
  release: [event: { readonly object: T }];
  createRequest: [event: { readonly id: number }];
  createSuccess: [event: { readonly id: number; readonly object: T }];
  createFail: [event: { readonly id: number; readonly error: unknown }];
  destroyRequest: [event: { readonly id: number; readonly object: T }];
  destroySuccess: [event: { readonly id: number; readonly object: T }];
  destroyFail: [event: { readonly id: number; readonly object: T; readonly error: unknown }];
  /** As createFail and destroyFail, with the error alone. */
  factoryCreateError: [error: unknown];
  factoryDestroyError: [error: unknown];
  /** One failed its test, or the test itself failed. */
  invalid: [event: { readonly object: T }];
  /** Eviction runs are under way: there are idle objects; and no more: there are none. */
  evictionStart: [];
  evictionStop: [];
  closeRequest: [];
  /** Everything has ended. Listeners are removed after it. */
  closeSuccess: [];
  /** A hook or listener that threw or gave nonsense, where nobody else is told. */
  failure: [failure: { readonly where: string; readonly error: unknown }];
}

export const EVENT_NAMES = Object.freeze([
  'acquireRequest',
  'acquireSuccess',
  'acquireFail',
  'release',
  'createRequest',
  'createSuccess',
  'createFail',
  'destroyRequest',
  'destroySuccess',
  'destroyFail',
  'factoryCreateError',
  'factoryDestroyError',
  'invalid',
  'evictionStart',
  'evictionStop',
  'closeRequest',
  'closeSuccess',
  'failure',
] as const);

/** Listeners that call what tells them again go no deeper than this: from there on they are not told, which is counted. */
const DEEPEST = 30;

type Name = (typeof EVENT_NAMES)[number];

interface Listening {
  readonly listener: unknown;
  readonly once: boolean;
}

/** Names that are none would also find what all objects have, such as `constructor`. */
function checkEvent(method: string, event: Name): void {
  checkOneOf(`AsyncPool.${method}: event`, event, EVENT_NAMES);
}

/**
 * Listeners by event, as Node's EventEmitter has them; what a listener throws, or its promise, is told as `failure` and goes
 * no further. Telling costs nothing while nobody listens.
 */
export class Listeners<T> {
  /** How many listen, to whatever event. */
  protected heard = 0;
  protected listenerFailures = 0;
  private lists: { [event in Name]?: readonly Listening[] } = {};
  private telling = false;
  private depth = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT for an event that does not exist */
  on<K extends Name>(event: K, listener: (...args: AsyncPoolEvents<T>[K]) => void): this {
    return this.listen('on', event, listener, false);
  }

  /** As on(), for the next one only. */
  once<K extends Name>(event: K, listener: (...args: AsyncPoolEvents<T>[K]) => void): this {
    return this.listen('once', event, listener, true);
  }

  /** Removes the listener, as often as it is called for. @throws as on() */
  off<K extends Name>(event: K, listener: (...args: AsyncPoolEvents<T>[K]) => void): this {
    checkEvent('off', event);
    this.drop(event, (known) => known.listener === listener);
    return this;
  }

  /** As off(). */
  removeListener<K extends Name>(event: K, listener: (...args: AsyncPoolEvents<T>[K]) => void): this {
    return this.off(event, listener);
  }

  /** Those of one event, or all. @throws as on() */
  removeAllListeners(event?: Name): this {
    if (event !== undefined) checkEvent('removeAllListeners', event);
    if (event !== undefined) this.heard -= this.listenerCount(event);
    else this.heard = 0;
    if (event !== undefined) this.lists[event] = undefined;
    else this.lists = {};
    return this;
  }

  listenerCount(event: Name): number {
    checkEvent('listenerCount', event);
    return this.lists[event]?.length ?? 0;
  }

  private listen(method: string, event: Name, listener: unknown, once: boolean): this {
    checkEvent(method, event);
    checkFunction(`AsyncPool.${method}: listener`, listener);
    this.lists[event] = [...(this.lists[event] ?? []), { listener, once }];
    this.heard += 1;
    return this;
  }

  /** Removes the first that fits. False where there is none. */
  private drop(event: Name, fits: (known: Listening) => boolean): boolean {
    const list = this.lists[event];
    const at = list?.findIndex(fits) ?? -1;
    if (list === undefined || at < 0) return false;
    this.lists[event] = list.filter((_, index) => index !== at);
    this.heard -= 1;
    return true;
  }

  protected tell<K extends Name>(event: K, ...args: AsyncPoolEvents<T>[K]): void {
    const known = this.heard === 0 ? undefined : this.lists[event];
    if (known === undefined) return;
    if (this.depth === DEEPEST) {
      this.listenerFailures += 1;
      return;
    }
    this.depth += 1;
    for (const listening of known) this.tellOne(event, listening, args);
    this.depth -= 1;
  }

  private tellOne<K extends Name>(event: K, known: Listening, args: AsyncPoolEvents<T>[K]): void {
    if (known.once && !this.drop(event, (other) => other === known)) return; // told by what it was told of
    try {
      const answer: unknown = Reflect.apply(known.listener as () => unknown, this, args);
      if (isThenable(answer)) answer.then(undefined, (error) => this.listenerFailed(event, error));
    } catch (error) {
      this.listenerFailed(event, error);
    }
  }

  private listenerFailed(event: Name, error: unknown): void {
    this.listenerFailures += 1;
    // One of failures that fails has nobody left to be told to: it would be told of itself without end.
    if (event === 'failure' || this.telling) return;
    this.telling = true;
    try {
      this.tell('failure', { where: `listener of ${event}`, error });
    } finally {
      this.telling = false;
    }
  }
}
