import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ManualSource, MemoryMonitor } from '../../../lib/monitor';
import {
  type ConfigChange,
  type ConfigRefusal,
  type ConfigWatcher,
  type ConfigWatchOptions,
  watchConfig,
} from '../../../lib/system/config';
import { errorOf } from './support';

/** A file that can be written, and a watch that tells when it is asked to. */
class Fixture {
  text: string | null;
  readonly watched: { path: string; everyMs: number; touch: () => void }[] = [];
  stopped = 0;
  readonly watcher: ConfigWatcher;
  readonly changes: ConfigChange[] = [];
  readonly refusals: ConfigRefusal[] = [];
  readonly errors: Error[] = [];

  constructor(text: string | null, options: ConfigWatchOptions = {}) {
    this.text = text;
    this.watcher = watchConfig({
      ...{ env: {}, cwd: '/srv', file: 'memory.toml', readFile: () => this.text },
      watchFile: (path, touch, everyMs) => {
        this.watched.push({ path, everyMs, touch });
        return () => void (this.stopped += 1);
      },
      ...options,
    });
    this.watcher.on('change', (change) => this.changes.push(change));
    this.watcher.on('refused', (refusal) => this.refusals.push(refusal));
    this.watcher.on('error', (error) => this.errors.push(error));
  }

  write(text: string | null): void {
    this.text = text;
    this.watched[0]?.touch();
  }
}

const ARENA = '[arena]\nchunkBytes = "128KiB"\n';

describe('a change', () => {
  test('of what may change is taken over and told, with its source', () => {
    const fixture = new Fixture(ARENA);
    const before = fixture.watcher.config;
    fixture.write('[arena]\n\nchunkBytes = "256KiB"\nzero = true\n');
    expect(fixture.changes).toEqual([
      { path: 'arena.chunkBytes', from: 131_072, to: 262_144, source: { kind: 'file', file: 'memory.toml', line: 3 } },
      { path: 'arena.zero', from: false, to: true, source: { kind: 'file', file: 'memory.toml', line: 4 } },
    ]);
    expect(fixture.watcher.config.get('arena.chunkBytes')).toBe(262_144);
    expect(before.get('arena.chunkBytes')).toBe(131_072);
    expect([fixture.refusals, fixture.errors]).toEqual([[], []]);
  });

  test('back to the default is one', () => {
    const fixture = new Fixture(ARENA);
    fixture.write('');
    expect(fixture.changes).toMatchObject([{ path: 'arena.chunkBytes', to: 65_536, source: { kind: 'default' } }]);
  });

  test('of what may not is refused once, with the reason, and stays as it was', () => {
    const fixture = new Fixture('[pool]\nblocks = 8\n[arena]\nzero = false');
    fixture.write('[pool]\nblocks = 16\n[arena]\nzero = true');
    expect(fixture.refusals).toEqual([
      {
        ...{ path: 'pool.blocks', from: 8, to: 16, source: { kind: 'file', file: 'memory.toml', line: 2 } },
        reason: 'the pool was made with it, and its blocks are in use; restart the service for it',
      },
    ]);
    expect(fixture.changes.map(({ path }) => path)).toEqual(['arena.zero']);
    expect(fixture.watcher.config.get('pool.blocks')).toBe(8);
    expect(fixture.watcher.config.sourceOf('pool.blocks')).toMatchObject({ kind: 'file' });
    fixture.watcher.reload();
    expect(fixture.refusals).toHaveLength(1);
    fixture.write('[pool]\nblocks = 32');
    expect(fixture.refusals).toHaveLength(2);
    fixture.write('[pool]\nblocks = 8');
    fixture.write('[pool]\nblocks = 32');
    expect(fixture.refusals).toHaveLength(3);
  });

  test('of the environment is seen by reload()', () => {
    const env: Record<string, string> = {};
    const fixture = new Fixture(ARENA, { env });
    env['NEBULA_MEMORY_ARENA_CHUNK_BYTES'] = '512KiB';
    const { changes, refusals, error, config } = fixture.watcher.reload();
    expect(changes).toMatchObject([{ to: 524_288, source: { kind: 'env' } }]);
    expect([refusals, error, config === fixture.watcher.config]).toEqual([[], null, true]);
  });

  test('reaches a monitor that runs', () => {
    const delays: number[] = [];
    const fixture = new Fixture('');
    using monitor = new MemoryMonitor(
      fixture.watcher.config.toMonitorOptions({
        sources: [new ManualSource()],
        clock: { nowMs: () => 0 },
        timers: { start: (_, delayMs) => delays.push(delayMs), stop: () => {} },
      }),
    ).start();
    fixture.watcher.on('change', ({ path }) => {
      if (path.startsWith('monitor.')) monitor.configure(fixture.watcher.config.toMonitorSettings());
    });
    fixture.write('[monitor]\nintervalMs = "4s"');
    expect(delays).toEqual([1000, 4000]);
  });
});

describe('a wrong file', () => {
  test.each([
    ['malformed', '[arena', /it is no TOML/],
    ['unknown keys', '[arena]\nzer0 = true', /Did you mean 'arena.zero'/],
    ['contradictory', '[arena]\nchunkBytes = "64MiB"', /is more than arena.maxChunkBytes/],
    ['gone', null, /there is no such file/],
  ])('%s: an error is told and everything stays', (_, text, expected) => {
    const fixture = new Fixture(ARENA);
    const before = fixture.watcher.config;
    fixture.write(text);
    expect(fixture.errors).toMatchObject([{ code: 'ERR_MEMORY_CONFIG', message: expect.stringMatching(expected) }]);
    expect(fixture.watcher.config).toBe(before);
    expect([...fixture.changes, ...fixture.refusals]).toEqual([]);
    fixture.write('[arena]\nzero = true');
    expect(fixture.watcher.config.get('arena.zero')).toBe(true);
  });

  test('nobody has to listen for errors', () => {
    const fixture = new Fixture(ARENA);
    fixture.watcher.removeAllListeners('error');
    fixture.write('[arena');
    expect(fixture.watcher.reload().error).toMatchObject({ code: 'ERR_MEMORY_CONFIG' });
  });

  test('what is taken over must hold together with what is not', () => {
    const fixture = new Fixture('[budget]\nlimitBytes = "1GiB"');
    // The larger limit needs a restart, so the child would be larger than its parent.
    fixture.write('[budget]\nlimitBytes = "4GiB"\nchildLimitBytes = "2GiB"');
    expect(fixture.errors).toMatchObject([{ message: expect.stringContaining('a child cannot have more') }]);
    expect(fixture.watcher.config.get('budget.childLimitBytes')).toBe('none');
  });

  test('at the start it throws as load does', () => {
    let stopped = 0;
    const broken = (watchFile: ConfigWatchOptions['watchFile']) => new Fixture('[arena', { watchFile });
    const stop = () => void (stopped += 1);
    expect(errorOf(() => broken(() => stop))['code']).toBe('ERR_MEMORY_CONFIG');
    expect(stopped).toBe(1);
  });

  test('a default file that goes is an error as well', () => {
    let text: string | null = '{"arena":{"zero":true}}';
    const readFile = (path: string) => (path.endsWith('.json') ? text : null);
    using watcher = watchConfig({ env: {}, cwd: '/srv', readFile, watch: false });
    text = null;
    expect(watcher.reload().error?.message).toBe('memory.json: the file is gone');
    expect(watcher.config.get('arena.zero')).toBe(true);
  });
});

describe('listeners', () => {
  test('that throw keep nobody from hearing, and are told as errors', () => {
    const fixture = new Fixture('');
    const heard: string[] = [];
    fixture.watcher.prependListener('change', () => {
      throw new Error('boom');
    });
    fixture.watcher.on('change', ({ path }) => heard.push(path));
    fixture.watcher.prependListener('error', () => {
      throw new Error('worse');
    });
    fixture.write('[arena]\nzero = true');
    expect(heard).toEqual(['arena.zero']);
    expect(fixture.errors.map(({ message }) => message)).toEqual(["ConfigWatcher: a listener of 'change' threw: boom"]);
  });

  test('may not reload inside, and may end the watcher', () => {
    const fixture = new Fixture('');
    fixture.watcher.once('change', () => fixture.watcher.reload());
    fixture.write('[arena]\nzero = true');
    expect(fixture.errors).toMatchObject([{ code: 'ERR_MEMORY_INVALID_STATE' }]);
    fixture.watcher.once('change', () => fixture.watcher.dispose());
    fixture.write('[arena]\nzero = false');
    expect(fixture.watcher.disposed).toBe(true);
    fixture.write('[arena]\nzero = true');
    expect(fixture.watcher.config.get('arena.zero')).toBe(false);
  });
});

describe('the watch', () => {
  test('is on the file that is named, in the time that is asked for, and ends', () => {
    const fixture = new Fixture(ARENA, { intervalMs: '5s' });
    expect(fixture.watched).toMatchObject([{ path: resolve('/srv/memory.toml'), everyMs: 5000 }]);
    fixture.watcher.dispose();
    fixture.watcher[Symbol.dispose]();
    expect(fixture.stopped).toBe(1);
  });

  test.each([
    ['both default names where none is named', { file: undefined }, ['memory.toml', 'memory.json']],
    ['that of the environment', { env: { NEBULA_MEMORY_CONFIG: 'other.toml' } }, ['other.toml']],
    ['none where there is none', { file: null }, []],
    ['none where it is not wanted', { watch: false }, []],
  ] as const)('is on %s', (_, options, names) => {
    const { file, ...rest } = { file: 'memory.toml' as string | null | undefined, ...options };
    const named = file === undefined ? {} : { file };
    const watched: string[] = [];
    const readFile = (path: string) => (path.endsWith('.json') ? null : '');
    using _watcher = watchConfig({
      ...{ env: {}, cwd: '/srv', readFile },
      watchFile: (path) => [watched.push(path), () => {}][1] as () => void,
      ...named,
      ...rest,
    });
    expect(watched).toEqual(names.map((name) => resolve('/srv', name)));
  });

  test.each([
    [{ intervalMs: 1 }],
    [{ intervalMs: '1 year' }],
    [{ watch: 1 }],
    [{ watchFile: 1 }],
    [{ watching: true }],
  ])('refuses %j', (options) => {
    expect(errorOf(() => watchConfig({ env: {}, file: null, ...options } as never))['code']).toMatch(/ERR_MEMORY_/);
  });
});

describe('on a real file', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nebula-watch-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('a change is noticed', async () => {
    const file = join(folder, 'memory.json');
    writeFileSync(file, '{"arena":{"zero":false}}');
    using watcher = watchConfig({ env: {}, file, intervalMs: 20 });
    const change = new Promise<ConfigChange>((done) => watcher.once('change', done));
    writeFileSync(file, '{"arena":{"zero":true}, "pool":{}}');
    expect((await change).path).toBe('arena.zero');
  });

  test('nothing keeps the process alive', () => {
    const file = join(folder, 'alive.toml');
    writeFileSync(file, '');
    const dist = JSON.stringify(join(resolve(__dirname, '../../..'), 'dist', 'system', 'config'));
    const script = `const w = require(${dist}).watchConfig({ env: {}, file: ${JSON.stringify(file)} }); console.log(w.config.file !== null)`;
    const { stdout, status, signal } = spawnSync(process.execPath, ['-e', script], {
      encoding: 'utf8',
      timeout: 170_000,
    });
    expect({ stdout, status, signal }).toEqual({ stdout: 'true\n', status: 0, signal: null });
  });
});
