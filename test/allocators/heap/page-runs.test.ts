import fc from 'fast-check';
import { PageRuns } from '../../../lib/allocators/heap/page-runs';

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

it.each([
  { all: 300, most: 80, numRuns: 20 },
  { all: 9000, most: 1300, numRuns: 8 }, // past the lengths with a list each
])('agrees with a plain map of $all pages, whatever the order', ({ all, most, numRuns }) => {
  const step = fc.record({ take: fc.boolean(), pages: fc.integer({ min: 1, max: most }), pick: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 400 }), (steps) => {
      const runs = new PageRuns(all);
      const owner = new Int32Array(all);
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
    { numRuns, endOnFailure: true },
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

describe('many free runs of about the length that is asked for', () => {
  /** As many free runs of one length, with one of another length and used pages between; `looks` counts steps in lists. */
  function among(count: number, length: number, other: number) {
    const runs = new PageRuns(count * (length + 1) + other + 1);
    const taken = Array.from({ length: count }, () => {
      const page = runs.acquire(length);
      runs.acquire(1);
      return page;
    });
    const page = runs.acquire(other);
    runs.acquire(1);
    for (const each of taken) runs.release(each, length);
    const counted = { runs, page, looks: 0 };
    const links = runs as unknown as { next: Int32Array };
    links.next = new Proxy(links.next, {
      get(list, at) {
        counted.looks += 1;
        return list[at as unknown as number];
      },
      set: (list, at, value: number) => {
        list[at as unknown as number] = value;
        return true;
      },
    });
    return counted;
  }

  it('are not looked through up to 2 MiB', () => {
    for (const [length, other] of [
      [32, 35],
      [448, 511],
    ] as const) {
      const counted = among(1000, length, other);
      const { runs } = counted;
      for (let round = 0; round < 10; round += 1) {
        runs.release(counted.page, other);
        expect(runs.longest()).toBe(other);
        expect([runs.acquire(other), runs.acquire(length + 1), runs.longest()]).toEqual([counted.page, -1, length]);
      }
      expect(counted.looks).toBeLessThanOrEqual(10 * 10);
    }
  });

  it('are looked through above that, rather than refused', () => {
    const counted = among(100, 513, 550);
    const { runs } = counted;
    runs.release(counted.page, 550);
    const short = runs.acquire(513); // another than the one that fits is first now
    runs.release(short, 513);
    expect([runs.longest(), runs.acquire(551), runs.acquire(540)]).toEqual([550, -1, counted.page]);
    const { looks } = counted;
    expect([runs.acquire(514), runs.acquire(514)]).toEqual([-1, -1]);
    expect(counted.looks - looks).toBeLessThanOrEqual(101); // the second refusal costs nothing
  });
});
