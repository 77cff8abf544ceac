export type { TtlPoolOptions } from './options';
export { TtlPool } from './ttl-pool';
