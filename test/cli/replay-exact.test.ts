// "On an allocator of the kind, size and options that it was recorded with, every counter comes out exactly": for every
// allocator, preset and adaptor of the package, through the command line.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BlockAllocator,
  BumpAllocator,
  HeapAllocator,
  PageProvider,
  SharedBlockAllocator,
  SharedBumpAllocator,
  SharedHeapAllocator,
  SharedStackAllocator,
  SharedSystemAllocator,
  StackAllocator,
  SystemAllocator,
} from '../../lib/allocators';
import { Arena, CrossThreadArena, ThreadSafeArena } from '../../lib/arenas';
import type { Allocator } from '../../lib/core';
import {
  BudgetedAllocator,
  ByteLimit,
  FailureInjectingAllocator,
  FallbackAllocator,
  GuardedAllocator,
  MonitoredAllocator,
  parseEventLog,
  RecordingAllocator,
  RetryingAllocator,
  TrackedAllocator,
} from '../../lib/tracking';
import { ListAllocator } from '../tracking/support/list-allocator';
import { runHere } from './support/run';
import { type Schema, undescribed, validate } from './support/schema';

const OPERATIONS = 400;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nebula-exact-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Mixed operations, newest freed first so that stacks can play them, with refusals, alignments and resets. */
function work(allocator: Allocator): void {
  const live: [offset: number, byteLength: number][] = [];
  let seed = 7;
  const draw = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let operation = 0; operation < OPERATIONS; operation++) {
    const kind = draw(100);
    if (kind < 60) {
      const byteLength = 1 + (kind < 5 ? draw(200_000) : draw(500));
      const alignment = kind < 20 ? 2 ** draw(5) : undefined;
      const offset = allocator.tryAllocate(byteLength, alignment);
      if (offset !== -1) live.push([offset, byteLength]);
    } else if (kind < 98) {
      const block = live.pop();
      if (block !== undefined) allocator.deallocate(...block);
    } else if (operation > 100) {
      allocator.reset();
      live.length = 0;
    }
  }
}

let files = 0;
function record(inner: Allocator): string {
  const path = join(folder, `${files++}.csv`);
  const allocator = new RecordingAllocator(inner, { path });
  work(allocator);
  allocator.dispose();
  return path;
}

const heap = (): Allocator => new HeapAllocator('64KiB');
const budget = (): ByteLimit => new ByteLimit('1GiB');
const quiet = { level: 'none' } as const;

const REBUILT: readonly (readonly [name: string, make: () => Allocator, kind: string])[] = [
  ['BumpAllocator', () => new BumpAllocator('64KiB'), 'bump'],
  ...(['production', 'debug', 'performance', 'conservative', 'singleThread'] as const).map(
    (preset) => [`BumpAllocator.${preset}`, () => BumpAllocator[preset]('64KiB'), 'bump'] as const,
  ),
  ['BumpAllocator, leastBytes', () => new BumpAllocator('64KiB', { leastBytes: 64 }), 'bump'],
  ['BumpAllocator, odd size', () => new BumpAllocator(70_001, { leastBytes: 3 }), 'bump'],
  ['StackAllocator', () => new StackAllocator('64KiB'), 'stack'],
  ...(['production', 'debug', 'performance'] as const).flatMap(
    (preset) =>
      [
        [`StackAllocator.${preset}`, () => StackAllocator[preset]('64KiB'), 'stack'],
        [`HeapAllocator.${preset}`, () => HeapAllocator[preset]('64KiB'), 'heap'],
        [`BlockAllocator.${preset}`, () => BlockAllocator[preset]({ blockBytes: 512, blocks: 60 }), 'block'],
        [`SystemAllocator.${preset}`, () => SystemAllocator[preset]({ maxBytes: '256KiB' }), 'system'],
      ] as const,
  ),
  ['HeapAllocator', heap, 'heap'],
  ['HeapAllocator of a provider', () => new HeapAllocator({ provider: new PageProvider(), byteLength: 1 }), 'heap'],
  ['BlockAllocator', () => new BlockAllocator({ blockBytes: 300, alignment: 32, blocks: 40 }), 'block'],
  [
    'BlockAllocator, growing',
    () => new BlockAllocator({ blockBytes: 512, blocks: 4, maxBlocks: 50, growBlocks: 5 }),
    'block',
  ],
  ['SystemAllocator', () => new SystemAllocator(), 'system'],
  ['SharedBumpAllocator', () => SharedBumpAllocator.create('64KiB'), 'shared-bump'],
  ['SharedStackAllocator', () => SharedStackAllocator.create('64KiB', { maxBlocks: 20 }), 'shared-stack'],
  ['SharedBlockAllocator', () => SharedBlockAllocator.create({ blockBytes: 512, blocks: 37 }), 'shared-block'],
  ['SharedBlockAllocator of a size', () => SharedBlockAllocator.create('30KiB', { blockBytes: 512 }), 'shared-block'],
  ['SharedHeapAllocator', () => SharedHeapAllocator.create('256KiB', { owners: 4 }), 'shared-heap'],
  ['SharedSystemAllocator', () => SharedSystemAllocator.create('256KiB', { pageBytes: 8192 }), 'shared-system'],
  ['Arena', () => new Arena(), 'arena'],
  [
    'Arena, options',
    () => new Arena('8KiB', { growthFactor: 1.5, maxChunkBytes: '16KiB', limitBytes: '100KiB', alignment: 64 }),
    'arena',
  ],
  ...(['production', 'performance', 'debug', 'conservative', 'smallObjects', 'largeObjects'] as const).map(
    (preset) => [`Arena.${preset}`, () => Arena[preset](), 'arena'] as const,
  ),
  ['CrossThreadArena', () => new CrossThreadArena('8KiB'), 'arena'],
  ['TrackedAllocator', () => new TrackedAllocator(heap(), { level: 'paranoid' }), 'heap'],
  ['MonitoredAllocator', () => new MonitoredAllocator(heap(), { signal: quiet }), 'heap'],
  ['BudgetedAllocator', () => new BudgetedAllocator(heap(), { limitBytes: '1GiB' }), 'heap'],
  ['RetryingAllocator', () => new RetryingAllocator(new BumpAllocator('1MiB'), { onFailure: () => false }), 'bump'],
  ['RecordingAllocator', () => new RecordingAllocator(heap(), { sink: () => {} }), 'heap'],
  [
    'a stack of adaptors',
    () => new TrackedAllocator(new BudgetedAllocator(Arena.production(), { limitBytes: '1GiB' })),
    'arena',
  ],
];

test.each(REBUILT)('%s: --check finds no difference', (_, make, kind) => {
  const path = record(make());
  const { code, stdout, stderr } = runHere(['replay', path, '--check']);
  expect({ code, stderr, differs: stdout.includes('differs') }).toEqual({ code: 0, stderr: '', differs: false });
  expect(stdout).toContain(` on ${kind}`);
  expect(stdout).toContain('Every counter came out as recorded.');
  expect(parseEventLog(readFileSync(path, 'utf8')).kinds.length).toBeGreaterThan(200);
});

const FOREIGN: readonly (readonly [name: string, make: () => Allocator, says: string])[] = [
  ['guards', () => new GuardedAllocator(heap()), 'GuardedAllocator around HeapAllocator'],
  ['a fallback', () => new FallbackAllocator(heap(), heap()), 'FallbackAllocator around HeapAllocator'],
  ['injected failures', () => new FailureInjectingAllocator(heap(), { every: 3 }), 'FailureInjectingAllocator'],
  ['guards below others', () => new TrackedAllocator(new GuardedAllocator(heap())), 'TrackedAllocator around Guarded'],
  ['a budget that refused', () => new BudgetedAllocator(heap(), { limitBytes: '4KiB' }), 'BudgetedAllocator'],
  ['a monitor that refused', () => new MonitoredAllocator(heap(), { signal: { level: 'critical' } }), 'Monitored'],
  [
    'retries',
    () => new RetryingAllocator(new StackAllocator('2KiB'), { onFailure: (_, attempt) => attempt < 3 }),
    'Retrying',
  ],
  ['an arena of a provider', () => new Arena({ provider: new PageProvider() }), 'Arena'],
  ['an arena of a budget', () => new Arena({ budget: budget() }), 'Arena'],
  ['blocks of a provider', () => new SystemAllocator({ provider: new PageProvider() }), 'SystemAllocator'],
  [
    'blocks that grow by a budget',
    () => new BlockAllocator({ blockBytes: 64, blocks: 1, maxBlocks: 9, budget: budget() }),
    'Block',
  ],
  ['an arena of many threads', () => ThreadSafeArena.create('1MiB'), 'ThreadSafeArena'],
  ["somebody else's allocator", () => new ListAllocator(), 'ListAllocator'],
];

test.each(FOREIGN)('%s: never silently played on something else', (_, make, says) => {
  const path = record(make());
  for (const flags of [[], ['--check'], ['--json']]) {
    const { code, stdout, stderr } = runHere(['replay', path, ...flags]);
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toContain(`recorded on ${says}`);
    expect(stderr).toContain('which cannot be rebuilt here; choose --allocator');
  }
  expect(runHere(['replay', path, '--allocator', 'heap']).code).toBe(0);
});

test('counters that were off are not compared, whatever the log is played on, and the rest is', () => {
  const path = record(HeapAllocator.production('64KiB'));
  expect(runHere(['replay', path]).stdout).toMatch(/allocations +not counted +\d\d+ *\n/);
  const schema = JSON.parse(readFileSync(join(__dirname, '../../docs/replay.schema.json'), 'utf8')) as Schema;
  const { code, stdout } = runHere(['replay', path, '--json', '--check', '--capacity', '1MiB']);
  const report = JSON.parse(stdout) as { differences: string[]; uncounted: string[] };
  expect([validate(report, schema), undescribed(report, schema)]).toEqual([[], []]);
  expect(report.uncounted).toEqual(['allocations', 'deallocations', 'failures', 'resets']);
  expect([code, report.differences.length > 0]).toEqual([3, true]);
  for (const key of report.differences) expect(['live', 'used', 'peak']).toContain(key);
});

test('a run that began in the middle is played, and cannot be checked', () => {
  const inner = heap();
  inner.allocate(1000);
  const path = record(inner);
  expect(runHere(['replay', path])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/in\s+use before recording/),
  });
  expect(runHere(['replay', path, '--check'])).toMatchObject({ code: 4, stdout: '' });
});

test('a changed row is a difference', () => {
  const path = record(heap());
  const rows = readFileSync(path, 'utf8').split('\n');
  const at = rows.findIndex((row) => row.includes(',allocate,'));
  writeFileSync(path, rows.toSpliced(at, 1).join('\n'));
  expect(runHere(['replay', path, '--check']).code).toBe(3);
});
