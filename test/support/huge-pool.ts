import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';

interface PoolLock {
  lockPool(): void;
  unlockPool(): void;
  withPool<T>(work: () => T): T;
}
const { lockPool, unlockPool, withPool } = require('./pool-lock.cjs') as PoolLock;

/** For tests that take pages of the pool, or none if it has none: others, which count its pages, wait meanwhile. */
export { withPool };

const POOL = '/proc/sys/vm/nr_hugepages';
const readNumber = (file: string): number => Number(readFileSync(file, 'latin1').trim());

/** Pages of 2 MiB in the kernel's pool. */
export const poolPages = (): number => readNumber(POOL);
export const freePoolPages = (): number => readNumber('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages');

function obstacle(): string {
  try {
    accessSync(POOL, constants.W_OK);
    return '';
  } catch (error) {
    return `the pool of huge pages cannot be changed here: ${(error as Error).message}`;
  }
}

const why = obstacle();
if (why !== '') console.warn(`skipped: ${why}`);

/** Tests with so many pages in the kernel's real pool, and 0 for an empty one; its former size is put back whatever happens. */
export function withHugePool(name: string, pages: number, tests: () => void): void {
  (why === '' ? describe : describe.skip)(name, () => {
    let before: number | null = null;
    beforeAll(() => {
      lockPool();
      before = poolPages();
      writeFileSync(POOL, `${pages === 0 ? 0 : before + pages}\n`);
      if (freePoolPages() < pages) throw new Error(`the kernel found no ${pages} free huge pages`);
    });
    afterAll(() => {
      if (before === null) return; // it is somebody else's turn
      writeFileSync(POOL, `${before}\n`);
      unlockPool();
    });
    tests();
  });
}
