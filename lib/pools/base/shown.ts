import type { PoolStats } from './pool';

/** What util.inspect and console.log print of a pool. */
export function shown(
  pool: { readonly name: string },
  { borrowed, idle, maxSize, waiting }: Pick<PoolStats, 'borrowed' | 'idle' | 'maxSize' | 'waiting'>,
  closed: boolean,
): string {
  const what = `${pool.constructor.name} '${pool.name}'`;
  const loans = `${borrowed}${maxSize === null ? '' : ` of ${maxSize}`} lent`;
  if (closed) return `${what}: closed${borrowed === 0 ? '' : `, ${loans} still`}`;
  return `${what}: ${loans}, ${idle} idle${waiting === 0 ? '' : `, ${waiting} waiting`}`;
}
