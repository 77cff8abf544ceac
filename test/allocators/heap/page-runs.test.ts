import fc from 'fast-check';
import { PageRuns } from '../../../lib/allocators/heap/page-runs';

const PAGES = 300;

function freeRunsOf(owner: Int32Array): string[] {
  const found: string[] = [];
  for (let page = 0; page < owner.length; page += 1) {
    if (owner[page] !== 0) continue;
    const start = page;
    while (page < owner.length && owner[page] === 0) page += 1;
    found.push(`${start}+${page - start}`);
  }
  return found;
}

it('agrees with a plain map of pages, whatever the order', () => {
  const step = fc.record({ take: fc.boolean(), pages: fc.integer({ min: 1, max: 80 }), pick: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 400 }), (steps) => {
      const runs = new PageRuns(PAGES);
      const owner = new Int32Array(PAGES);
      const live: { page: number; pages: number }[] = [];
      let id = 0;
      for (const { take, pages, pick } of steps) {
        if (take || live.length === 0) {
          const page = runs.acquire(pages);
          const longest = freeRunsOf(owner).reduce((most, run) => Math.max(most, Number(run.split('+')[1])), 0);
          expect(page >= 0).toBe(longest >= pages); // never refused while there is a run
          if (page < 0) continue;
          expect(owner.subarray(page, page + pages).every((mark) => mark === 0)).toBe(true);
          id += 1;
          owner.fill(id, page, page + pages);
          live.push({ page, pages });
        } else {
          const [run] = live.splice(pick % live.length, 1);
          if (run === undefined) throw new Error('no run');
          runs.release(run.page, run.pages);
          owner.fill(0, run.page, run.page + run.pages);
        }
        const listed = [...runs.freeRuns()].map((page) => `${page}+${runs.lengths[page]}`);
        expect(listed.sort()).toEqual(freeRunsOf(owner).sort());
        expect(runs.free).toBe(owner.filter((mark) => mark === 0).length);
        const longest = freeRunsOf(owner).reduce((most, run) => Math.max(most, Number(run.split('+')[1])), 0);
        expect(runs.longest()).toBe(longest);
        for (const { page, pages: length } of live) {
          expect([runs.startOf(page), runs.startOf(page + length - 1)]).toEqual([page, page]);
        }
      }
      for (const { page, pages } of live) runs.release(page, pages);
      expect([...runs.freeRuns()]).toEqual([0]);
    }),
    { numRuns: 20, endOnFailure: true },
  );
});

it('knows which free pages may be present', () => {
  const runs = new PageRuns(200);
  expect(runs.dirtyFreeBytes()).toBe(0);
  const first = runs.acquire(70);
  const second = runs.acquire(40);
  runs.release(first, 70);
  expect(runs.dirtyFreeBytes()).toBe(70 * 4096);
  expect(runs.dirtySpan(0, 70)).toEqual([0, 70]);
  runs.markClean(10, 50);
  expect(runs.dirtyFreeBytes()).toBe(20 * 4096);
  expect(runs.dirtySpan(0, 70)).toEqual([0, 10]);
  expect(runs.dirtySpan(10, 70)).toEqual([60, 70]);
  runs.release(second, 40);
  expect(runs.dirtyFreeBytes()).toBe(60 * 4096);
  runs.reset();
  expect([runs.free, runs.longest(), runs.dirtyFreeBytes()]).toEqual([200, 200, 60 * 4096]);
});
