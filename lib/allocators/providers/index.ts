export { ProviderBase, type ProviderOptions, type RenewingProvider } from './base';
export type { ProviderStats } from './books';
export { CachedProvider, type CachedProviderOptions, type CachedProviderStats, type IntervalTimer } from './cached';
export { FileProvider, type FileProviderOptions } from './file';
export { type HugePageChoice, HugePageProvider, type HugePageProviderOptions } from './huge-page';
export { type NumaChoice, NumaProvider, type NumaProviderOptions, type NumaProviderStats } from './numa';
export { PageProvider, type PageProviderOptions } from './page';
export { SharedProvider, type SharedProviderOptions } from './shared';
