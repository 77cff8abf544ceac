import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const DIST = resolve(__dirname, '../../dist');

/** Runs a program against the built package; what it prints, and how it ended. */
function run(program: string): { output: string; status: number | null; signal: string | null } {
  const script = `const nebula = require(${JSON.stringify(DIST)});\n${program}`;
  const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 170_000 });
  return { output: child.stdout + child.stderr, status: child.status, signal: child.signal };
}

describe('a process with a running monitor', () => {
  it('ends when its work is done', () => {
    const program = `
      const monitor = new nebula.MemoryMonitor({ intervalMs: 20 });
      monitor.start();
      const work = setInterval(() => {
        if (monitor.stats().ticks < 4) return;
        clearInterval(work);
        console.log(monitor.state, monitor.stats().failures);
      }, 10);`;
    const { output, ...end } = run(program);
    expect(end).toEqual({ status: 0, signal: null });
    expect(output).toMatch(/^(monitoring|pressure) 0\n$/); // the machine of the tests may be short of memory
  });

  it('ends while an action is awaited and a FIFO and files are watched', () => {
    const program = `
      const { execFileSync } = require('node:child_process');
      const { join } = require('node:path');
      const { mkdtempSync, rmSync } = require('node:fs');
      const folder = mkdtempSync(join(require('node:os').tmpdir(), 'nebula-exit-'));
      const fifo = join(folder, 'fifo');
      execFileSync('mkfifo', [fifo]);
      const manual = new nebula.ManualSource();
      const monitor = new nebula.MemoryMonitor({
        sources: [manual, new nebula.SystemdSource({ env: { MEMORY_PRESSURE_WATCH: fifo } }), new nebula.CgroupEventsSource()],
        actions: [{ name: 'never', kind: 'call', run: () => new Promise(() => {}) }],
      });
      manual.set('high');
      monitor.start();
      process.on('exit', () => rmSync(folder, { recursive: true }));
      console.log(monitor.state, monitor.stats().sources[1].mode);`;
    expect(run(program)).toEqual({ output: 'action event\n', status: 0, signal: null });
  });

  it('stops a real allocator from handing out large blocks while memory is short', () => {
    const program = `
      const { BumpAllocator, ManualSource, MemoryMonitor, MonitoredAllocator } = nebula;
      const source = new ManualSource();
      const monitor = new MemoryMonitor({ sources: [source] }).start();
      const allocator = new MonitoredAllocator(new BumpAllocator('1MiB'), { signal: monitor });
      const before = allocator.tryAllocate(100_000) >= 0;
      source.set('high');
      const alive = setInterval(() => {}, 1000);
      monitor.once('change', () => {
        clearInterval(alive);
        console.log(before, allocator.tryAllocate(100_000), monitor.level);
      });`;
    expect(run(program)).toEqual({ output: 'true -1 high\n', status: 0, signal: null });
  });

  it('works in a worker, which may end in the middle', () => {
    const program = `
      const { Worker } = require('node:worker_threads');
      const text = 'const n = require(' + JSON.stringify(${JSON.stringify(DIST)}) + ');' +
        'const m = new n.MemoryMonitor({ intervalMs: 10 }).start();' +
        'require("node:worker_threads").parentPort.postMessage(m.state); setInterval(() => {}, 1000);';
      const worker = new Worker(text, { eval: true });
      worker.once('message', (state) => worker.terminate().then(() => console.log(state)));`;
    const { output, ...end } = run(program);
    expect(end).toEqual({ status: 0, signal: null });
    expect(output).toMatch(/^(monitoring|pressure)\n$/);
  });
});
