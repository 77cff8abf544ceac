import {
  BlockAllocator,
  type BlockOptions,
  BumpAllocator,
  COMMON_OPTIONS,
  FileProvider,
  HeapAllocator,
  type HugePageChoice,
  HugePageProvider,
  type MemorySource,
  NumaProvider,
  PageProvider,
  SharedProvider,
  StackAllocator,
  SystemAllocator,
} from '../../allocators';
import { Arena } from '../../arenas';
import { type Allocator, type ByteSize, memoryError } from '../../core';
import type { Region } from '../../platform';
import {
  BudgetedAllocator,
  type BudgetedOptions,
  FailureInjectingAllocator,
  type FailureInjectingOptions,
  type FallbackOptions,
  GuardedAllocator,
  type GuardedOptions,
  MonitoredAllocator,
  type MonitoredOptions,
  RecordingAllocator,
  type RecordingOptions,
  RetryingAllocator,
  type RetryingOptions,
  TrackedAllocator,
  type TrackedOptions,
} from '../../tracking';
import type { AdaptorKind, AllocatorKind, ProviderKind } from './description';

type Given = Record<string, unknown>;

// The classes check every option themselves and name the nearest one: here stands only which keys go where.

interface Presets<O> {
  readonly [preset: string]: (options: O) => Allocator;
}

function takeSource(kind: string, options: Given): { source: MemorySource; rest: Given } {
  const { bytes, region, provider, ...rest } = options;
  if (region !== undefined) {
    if (bytes === undefined && provider === undefined) return { source: { region: region as Region }, rest };
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `AllocatorFactory: '${kind}' takes a region or bytes, not both`);
  }
  if (bytes === undefined) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `AllocatorFactory: '${kind}' needs bytes, or a region`);
  }
  const source = provider === undefined ? bytes : { provider, byteLength: bytes };
  return { source: source as MemorySource, rest };
}

interface Sized {
  readonly make: (source: MemorySource, options: never) => Allocator;
  readonly presets: Readonly<Record<string, (source: MemorySource, options: never) => Allocator>>;
}

/** Allocators over one piece of memory: `new X(source, options)` and `X.preset(source, options)`. */
function sized(kind: string, { make, presets }: Sized, keys: readonly string[]): AllocatorKind {
  return {
    keys: ['bytes', 'region', 'provider', ...COMMON_OPTIONS, ...keys],
    presets: Object.keys(presets),
    make(options, preset) {
      const { source, rest } = takeSource(kind, options);
      const how = preset === undefined ? make : (presets[preset] ?? make);
      return how(source, rest as never);
    },
  };
}

/** Allocators with one options object. */
function optioned<O>(make: (options: O) => Allocator, presets: Presets<O>, keys: readonly string[]): AllocatorKind {
  return {
    keys,
    presets: Object.keys(presets),
    make: (options, preset) => ((preset === undefined ? make : presets[preset]) ?? make)(options as O),
  };
}

export const ALLOCATOR_KINDS: Readonly<Record<string, AllocatorKind>> = {
  bump: sized(
    'bump',
    {
      make: (source, options) => new BumpAllocator(source, options),
      presets: {
        production: (source, options) => BumpAllocator.production(source, options),
        debug: (source, options) => BumpAllocator.debug(source, options),
        performance: (source, options) => BumpAllocator.performance(source, options),
        conservative: (source, options) => BumpAllocator.conservative(source, options),
        singleThread: (source, options) => BumpAllocator.singleThread(source, options),
      },
    },
    ['leastBytes', 'exactFrees'],
  ),
  stack: sized(
    'stack',
    {
      make: (source, options) => new StackAllocator(source, options),
      presets: {
        production: (source, options) => StackAllocator.production(source, options),
        debug: (source, options) => StackAllocator.debug(source, options),
        performance: (source, options) => StackAllocator.performance(source, options),
      },
    },
    [],
  ),
  heap: sized(
    'heap',
    {
      make: (source, options) => new HeapAllocator(source, options),
      presets: {
        production: (source, options) => HeapAllocator.production(source, options),
        debug: (source, options) => HeapAllocator.debug(source, options),
        performance: (source, options) => HeapAllocator.performance(source, options),
      },
    },
    ['exactSizes'],
  ),
  block: optioned<BlockOptions>(
    (options) => new BlockAllocator(options),
    {
      production: (options) => BlockAllocator.production(options),
      debug: (options) => BlockAllocator.debug(options),
      performance: (options) => BlockAllocator.performance(options),
    },
    ['blockBytes', 'blocks', 'alignment', 'region', 'provider', 'maxBlocks', 'growBlocks', ...COMMON_OPTIONS],
  ),
  system: optioned<object & { maxBytes?: ByteSize; bytes?: ByteSize }>(
    (options) => new SystemAllocator(bounded(options)),
    {
      production: (options) => SystemAllocator.production(bounded(options)),
      debug: (options) => SystemAllocator.debug(bounded(options)),
      performance: (options) => SystemAllocator.performance(bounded(options)),
    },
    ['bytes', 'maxBytes', 'provider', ...COMMON_OPTIONS],
  ),
  arena: optioned<object & { bytes?: ByteSize }>(
    (options) => new Arena(limited(options)),
    {
      production: (options) => Arena.production(limited(options)),
      debug: (options) => Arena.debug(limited(options)),
      performance: (options) => Arena.performance(limited(options)),
      conservative: (options) => Arena.conservative(limited(options)),
      smallObjects: (options) => Arena.smallObjects(limited(options)),
      largeObjects: (options) => Arena.largeObjects(limited(options)),
    },
    [
      ...['bytes', 'chunkBytes', 'growthFactor', 'maxChunkBytes', 'limitBytes', 'provider', 'carrier', 'budget'],
      ...['alignment', 'zero', 'onReset', 'stats'],
    ],
  ),
};

/** `bytes` of a kind that grows is the most that it may have. */
function bounded({ bytes, ...rest }: { bytes?: ByteSize; maxBytes?: ByteSize }): object {
  return bytes === undefined ? rest : { maxBytes: bytes, ...rest };
}

function limited({ bytes, ...rest }: { bytes?: ByteSize }): object {
  return bytes === undefined ? rest : { limitBytes: bytes, ...rest };
}

/** `fallback` is the factory's own: it makes a second allocator. */
export const ADAPTOR_KINDS: Readonly<Record<string, AdaptorKind>> = {
  tracked: (inner, options) => new TrackedAllocator(inner, options),
  guarded: (inner, options) => new GuardedAllocator(inner, options),
  budgeted: (inner, options) => new BudgetedAllocator(inner, options as BudgetedOptions),
  monitored: (inner, options) => new MonitoredAllocator(inner, options as unknown as MonitoredOptions),
  recording: (inner, options) => new RecordingAllocator(inner, options as RecordingOptions),
  retrying: (inner, options) => new RetryingAllocator(inner, options as unknown as RetryingOptions),
  failing: (inner, options) => new FailureInjectingAllocator(inner, options),
};

/** Every key of an options type, so that none can be forgotten here. */
function keysOf<O>(keys: Record<keyof O & string, true>): readonly string[] {
  return Object.keys(keys);
}

/** The options of each kind of adaptor. The classes check them as well, when the memory inside of them is there already. */
export const ADAPTOR_KEYS: Readonly<Record<string, readonly string[]>> = {
  tracked: keysOf<TrackedOptions>({
    ...{ level: true, sampleInterval: true, stackDepth: true, maxSites: true, seed: true, name: true },
  }),
  guarded: keysOf<GuardedOptions>({
    ...{ canaryBytes: true, allocatedFill: true, freedFill: true, quarantineBytes: true, name: true },
  }),
  budgeted: keysOf<BudgetedOptions>({ budget: true, limitBytes: true, name: true }),
  monitored: keysOf<MonitoredOptions>({ signal: true, limits: true, name: true }),
  recording: keysOf<RecordingOptions>({
    ...{ sink: true, path: true, clock: true, bufferBytes: true, extraColumns: true, name: true },
  }),
  retrying: keysOf<RetryingOptions>({ onFailure: true, maxAttempts: true, name: true }),
  failing: keysOf<FailureInjectingOptions>({
    ...{ every: true, after: true, probability: true, seed: true, predicate: true, code: true, name: true },
  }),
  fallback: keysOf<FallbackOptions & { secondary: true }>({ secondary: true, secondaryBase: true, name: true }),
};

export const PROVIDER_KINDS: Readonly<Record<string, ProviderKind>> = {
  page: (options) => new PageProvider(options),
  hugePage: ({ pages, ...options }) => new HugePageProvider(pages as HugePageChoice | undefined, options),
  numa: (options) => new NumaProvider(options),
  shared: (options) => new SharedProvider(options),
  file: ({ directory, ...options }: Given) => new FileProvider(directory as string, options),
};
