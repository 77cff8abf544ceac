import { accessSync, constants, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const POOL = '/proc/sys/vm/nr_hugepages';
const LOCK = join(tmpdir(), 'nebula-memory-huge-pool.lock');
const readNumber = (file: string): number => Number(readFileSync(file, 'latin1').trim());

/** Pages of 2 MiB in the kernel's pool. */
export const poolPages = (): number => readNumber(POOL);
export const freePoolPages = (): number => readNumber('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages');

/** The pool belongs to the machine: another file, or a run in another checkout, waits for its turn. */
function lockPool(): void {
  for (let tries = 0; tries < 1000; tries += 1) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    try {
      process.kill(readNumber(LOCK), 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') rmSync(LOCK, { force: true }); // its owner is gone
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  throw new Error(`${LOCK} is held by another run`);
}

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
    let before = 0;
    beforeAll(() => {
      lockPool();
      before = poolPages();
      writeFileSync(POOL, `${pages === 0 ? 0 : before + pages}\n`);
      if (freePoolPages() < pages) throw new Error(`the kernel found no ${pages} free huge pages`);
    });
    afterAll(() => {
      writeFileSync(POOL, `${before}\n`);
      rmSync(LOCK, { force: true });
    });
    tests();
  });
}
