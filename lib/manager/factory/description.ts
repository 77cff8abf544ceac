import type { CachedProviderOptions } from '../../allocators';
import type { Allocator, ByteSize, RegionProvider } from '../../core';
import type { Region } from '../../platform';

/** Where an allocator's memory comes from: a provider, the name of one that the factory knows, or a description of one. */
export type ProviderChoice = RegionProvider | string | ProviderDescription;

export interface ProviderDescription {
  /** `page`, `hugePage`, `numa`, `shared`, `file`, or a kind that was defined. */
  readonly kind: string;
  /** Keeps released regions for a while: a CachedProvider around it. `true`, or its options. Default false. */
  readonly cached?: boolean | CachedProviderOptions;
  /** The options of that kind, such as `{ carrier: 'shared' }` or `{ pages: '2MiB' }`. */
  readonly [option: string]: unknown;
}

/** One layer around an allocator: `tracked`, `guarded`, `budgeted`, `monitored`, `recording`, `retrying`, `failing`, `fallback`, or one that was defined. */
export type AdaptorDescription = string | { readonly kind: string; readonly [option: string]: unknown };

/** An allocator in words: plain data, so that it can come from a configuration. */
export interface AllocatorDescription {
  /** `bump`, `stack`, `block`, `heap`, `system`, `arena`, or a kind that was defined. */
  readonly kind: string;
  readonly name?: string;
  /** Size of its memory. `block` takes `blockBytes` and `blocks`, `system` and `arena` need none. */
  readonly bytes?: ByteSize;
  /** One of the kind's presets, such as `production`, `debug`, `performance`. The other options win over it. */
  readonly preset?: string;
  readonly provider?: ProviderChoice;
  /** From the inside to the outside. */
  readonly adaptors?: readonly AdaptorDescription[];
  /** The options of that kind. */
  readonly [option: string]: unknown;
}

/** A kind of allocator that a factory can make. */
export interface AllocatorKind {
  /** Options of its own, beside kind, name, preset and adaptors. Others are refused. */
  readonly keys: readonly string[];
  readonly presets?: readonly string[];
  /**
   * @param options what the description holds of `keys`, and `name`; a `provider` is made already
   * @param preset one of `presets`, or undefined
   */
  make(options: Record<string, unknown>, preset: string | undefined): Allocator;
}

/** A kind of adaptor. `options` is the description without its kind. */
export type AdaptorKind = (inner: Allocator, options: Record<string, unknown>) => Allocator;

/** A kind of provider. `options` is the description without `kind` and `cached`. */
export type ProviderKind = (options: Record<string, unknown>) => RegionProvider<Region>;
