import { CachedProvider, isProvider } from '../../allocators';
import {
  type Allocator,
  checkFunction,
  checkOneOf,
  checkString,
  describe,
  disposeAll,
  isMemoryError,
  type MemoryError,
  memoryError,
  nearest,
  type RegionProvider,
} from '../../core';
import type { Region } from '../../platform';
import { FallbackAllocator } from '../../tracking';
import type {
  AdaptorDescription,
  AdaptorKind,
  AllocatorDescription,
  AllocatorKind,
  ProviderChoice,
  ProviderDescription,
  ProviderKind,
} from './description';
import { ADAPTOR_KEYS, ADAPTOR_KINDS, ALLOCATOR_KINDS, PROVIDER_KINDS } from './kinds';

const WHERE = 'AllocatorFactory.create';
const COMMON_KEYS = ['kind', 'name', 'preset', 'adaptors'] as const;
/** Fallbacks inside of fallbacks: a description that holds itself ends here. */
const DEEPEST = 16;

/**
 * Makes allocators from plain descriptions, such as a configuration holds. Every kind, preset and key is checked before any
 * memory is taken, those of a fallback's second allocator as well (at most 16 inside of each other), but for the options of
 * adaptors of your own; what was made is disposed when a later layer fails.
 *
 * The allocator belongs to the caller. Providers that a description names are made once for equal descriptions and belong
 * to the factory: dispose it after the allocators.
 */
export class AllocatorFactory implements Disposable {
  private readonly kinds = new Map<string, AllocatorKind>(Object.entries(ALLOCATOR_KINDS));
  private readonly adaptors = new Map<string, AdaptorKind>(Object.entries(ADAPTOR_KINDS));
  private readonly providerKinds = new Map<string, ProviderKind>(Object.entries(PROVIDER_KINDS));
  private readonly named = new Map<string, RegionProvider<Region>>();
  /** Made from descriptions, by their text. */
  private readonly made = new Map<string, RegionProvider<Region>>();
  private readonly closing: Disposable[] = [];

  /**
   * Adds a kind of allocator.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT for a name that is taken
   */
  define(kind: string, definition: AllocatorKind): this {
    const where = 'AllocatorFactory.define';
    if (!Array.isArray(definition?.keys))
      throw invalid(`${where}: keys must be an array, got ${describe(definition?.keys)}`);
    checkFunction(`${where}: make`, definition.make);
    return this.add(where, this.kinds, kind, definition);
  }

  /** Adds a kind of adaptor. @throws as define() */
  defineAdaptor(kind: string, make: AdaptorKind): this {
    const where = 'AllocatorFactory.defineAdaptor';
    if (kind === 'fallback') throw invalid(`${where}: there is a kind 'fallback' already`);
    return this.add(where, this.adaptors, kind, checkFunction(`${where}: make`, make));
  }

  /** Adds a kind of provider. @throws as define() */
  defineProvider(kind: string, make: ProviderKind): this {
    const where = 'AllocatorFactory.defineProvider';
    return this.add(where, this.providerKinds, kind, checkFunction(`${where}: make`, make));
  }

  /** Gives a provider a name that descriptions can use; it stays its maker's. @throws as define() */
  useProvider(name: string, provider: RegionProvider<Region>): this {
    return this.add('AllocatorFactory.useProvider', this.named, name, this.checkProvider(name, provider));
  }

  /** The kinds that create() knows. */
  get allocatorKinds(): string[] {
    return [...this.kinds.keys()];
  }

  get adaptorKinds(): string[] {
    return [...this.adaptors.keys(), 'fallback'];
  }

  /**
   * @returns the outermost allocator; disposing it disposes all layers
   * @throws ERR_MEMORY_INVALID_ARGUMENT for an unknown kind, key or preset, naming the nearest one, and what the kinds throw
   */
  create(description: AllocatorDescription): Allocator {
    const checked = this.check(description, 0);
    this.findProviders(checked);
    return this.make(checked);
  }

  /** Looks at everything that it says, and makes nothing. */
  private check(description: unknown, depth: number): CheckedAllocator {
    const given = read(WHERE, description);
    const kind = this.pick('kind', this.kinds, given['kind']);
    const definition = this.kinds.get(kind) as AllocatorKind;
    checkKeys(`${WHERE}: '${kind}'`, given, [...COMMON_KEYS, ...definition.keys]);
    const preset = this.checkPreset(kind, definition, given['preset']);
    const adaptors = this.checkAdaptors(given['adaptors'], depth);
    const options: Record<string, unknown> = {};
    for (const key of ['name', ...definition.keys]) if (given[key] !== undefined) options[key] = given[key];
    return { definition, preset, options, adaptors };
  }

  private findProviders({ options, adaptors }: CheckedAllocator): void {
    if (options['provider'] !== undefined) options['provider'] = this.provider(options['provider'] as ProviderChoice);
    for (const { secondary } of adaptors) if (secondary !== null) this.findProviders(secondary);
  }

  private make({ definition, preset, options, adaptors }: CheckedAllocator): Allocator {
    let allocator = definition.make(options, preset);
    try {
      for (const adaptor of adaptors) allocator = this.wrap(allocator, adaptor);
    } catch (error) {
      allocator[Symbol.dispose]();
      throw error;
    }
    return allocator;
  }

  /** The provider that a description stands for. @throws as create() */
  provider(choice: ProviderChoice): RegionProvider<Region> {
    if (typeof choice === 'string') {
      const known = this.named.get(choice);
      if (known !== undefined) return known;
      this.pick('provider', new Map<string, unknown>([...this.named, ...this.providerKinds]), choice);
      return this.makeProvider({ kind: choice });
    }
    if (typeof (choice as Partial<RegionProvider> | null)?.acquire === 'function') {
      return this.checkProvider('provider', choice as RegionProvider<Region>);
    }
    return this.makeProvider(read(`${WHERE}: provider`, choice) as unknown as ProviderDescription);
  }

  private makeProvider(description: ProviderDescription): RegionProvider<Region> {
    const text = textOf(description);
    const known = text === undefined ? undefined : this.made.get(text);
    if (known !== undefined) return known;
    const { kind, cached, ...options } = description;
    const make = this.providerKinds.get(this.pick('provider: kind', this.providerKinds, kind)) as ProviderKind;
    if (cached !== undefined && typeof cached !== 'boolean' && (typeof cached !== 'object' || cached === null)) {
      throw invalid(`${WHERE}: provider: cached must be true, false or options, got ${describe(cached)}`);
    }
    const upstream = this.checkProvider('provider', make(options));
    this.keep(upstream);
    const provider =
      cached === undefined || cached === false
        ? upstream
        : new CachedProvider(upstream, cached === true ? undefined : cached);
    if (provider !== upstream) this.keep(provider);
    if (text !== undefined) this.made.set(text, provider);
    return provider;
  }

  private keep(provider: RegionProvider<Region> & Partial<Disposable>): void {
    if (typeof provider[Symbol.dispose] === 'function') this.closing.push(provider as unknown as Disposable);
  }

  private wrap(inner: Allocator, { kind, options, secondary }: CheckedAdaptor): Allocator {
    if (secondary === null) return (this.adaptors.get(kind) as AdaptorKind)(inner, options);
    const second = this.make(secondary);
    try {
      return new FallbackAllocator(inner, second, options);
    } catch (error) {
      second[Symbol.dispose]();
      throw error;
    }
  }

  private checkAdaptors(adaptors: unknown, depth: number): CheckedAdaptor[] {
    if (adaptors === undefined) return [];
    if (!Array.isArray(adaptors)) throw invalid(`${WHERE}: adaptors must be an array, got ${describe(adaptors)}`);
    const known = new Map<string, unknown>([...this.adaptors, ['fallback', null]]);
    return (adaptors as AdaptorDescription[]).map((adaptor) => {
      const { kind, ...options } =
        typeof adaptor === 'string' ? { kind: adaptor } : read(`${WHERE}: adaptors`, adaptor);
      return this.checkAdaptor(this.pick('adaptors: kind', known, kind), options, depth);
    });
  }

  private checkAdaptor(kind: string, given: Record<string, unknown>, depth: number): CheckedAdaptor {
    const keys = Object.hasOwn(ADAPTOR_KEYS, kind) ? ADAPTOR_KEYS[kind] : undefined;
    if (keys !== undefined) checkKeys(`${WHERE}: adaptor '${kind}'`, given, keys);
    if (kind !== 'fallback') return { kind, options: given, secondary: null };
    if (depth === DEEPEST) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `${WHERE}: more than ${DEEPEST} fallbacks inside of each other`,
        {
          hint: 'Does a description hold itself as its secondary?',
        },
      );
    }
    const { secondary, ...options } = given;
    return { kind, options, secondary: this.check(secondary, depth + 1) };
  }

  private checkPreset(kind: string, { presets = [] }: AllocatorKind, preset: unknown): string | undefined {
    if (preset === undefined) return undefined;
    return this.pick(`preset of '${kind}'`, new Map(presets.map((name) => [name, null])), preset);
  }

  private checkProvider(name: string, provider: RegionProvider<Region>): RegionProvider<Region> {
    if (isProvider(provider)) return provider;
    throw invalid(`AllocatorFactory: '${name}' must be a provider, got ${describe(provider)}`);
  }

  /** One of the names of a map. @throws ERR_MEMORY_INVALID_ARGUMENT with the nearest */
  private pick(what: string, map: ReadonlyMap<string, unknown>, name: unknown): string {
    return checkOneOf(`${WHERE}: ${what}`, name, [...map.keys()]);
  }

  private add<T>(where: string, map: Map<string, T>, name: string, value: T): this {
    checkString(`${where}: name`, name, 200);
    if (map.has(name)) throw invalid(`${where}: there is a kind '${name}' already`);
    map.set(name, value);
    return this;
  }

  /** Disposes the providers that it made. @throws ERR_MEMORY_IN_USE while regions of them are handed out */
  [Symbol.dispose](): void {
    disposeAll(this.closing);
    this.closing.length = 0;
    this.made.clear();
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }
}

interface CheckedAllocator {
  readonly definition: AllocatorKind;
  readonly preset: string | undefined;
  readonly options: Record<string, unknown>;
  readonly adaptors: readonly CheckedAdaptor[];
}

interface CheckedAdaptor {
  readonly kind: string;
  readonly options: Record<string, unknown>;
  /** Of a fallback. */
  readonly secondary: CheckedAllocator | null;
}

function invalid(message: string): MemoryError {
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', message);
}

function guess(name: unknown, names: readonly string[]): string {
  const near = typeof name === 'string' ? nearest(name, names) : undefined;
  return near === undefined ? '' : ` Did you mean '${near}'?`;
}

/** A copy of a plain object, read once. */
function read(where: string, given: unknown): Record<string, unknown> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid(`${where}: a description is a plain object, got ${describe(given)}`);
  }
  try {
    return { ...given };
  } catch (error) {
    if (isMemoryError(error)) throw error;
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: the description cannot be read`, { cause: error });
  }
}

function checkKeys(where: string, given: object, keys: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (!keys.includes(key)) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: unknown key ${describe(key)}.${guess(key, keys)}`, {
        hint: `Keys understood here: ${keys.join(', ')}.`,
      });
    }
  }
}

/** Equal texts stand for equal providers; undefined for what holds functions or objects with a life of their own. */
function textOf(description: ProviderDescription): string | undefined {
  const plain = (value: unknown): boolean =>
    value === null || ['string', 'number', 'boolean'].includes(typeof value)
      ? true
      : Array.isArray(value)
        ? value.every(plain)
        : typeof value === 'object' &&
          Object.getPrototypeOf(value) === Object.prototype &&
          Object.values(value).every(plain);
  const keys = Object.keys(description).sort();
  return keys.every((key) => plain(description[key]))
    ? JSON.stringify(keys.map((key) => [key, description[key]]))
    : undefined;
}
