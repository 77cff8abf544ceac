import type { PoolStats } from './pool';

/** What util.inspect and console.log print of a pool. */
export function shown(
  { constructor, name }: { readonly constructor: unknown; readonly name: string },
  { borrowed, idle, maxSize, waiting }: Pick<PoolStats, 'borrowed' | 'idle' | 'maxSize' | 'waiting'>,
  closed: boolean,
): string {
  const what = `${(constructor as { readonly name: string }).name} '${name}'`;
  const loans = `${borrowed}${maxSize === null ? '' : ` of ${maxSize}`} lent`;
  if (closed) return `${what}: closed${borrowed === 0 ? '' : `, ${loans} still`}`;
  return `${what}: ${loans}, ${idle} idle${waiting === 0 ? '' : `, ${waiting} waiting`}`;
}
