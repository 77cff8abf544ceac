// What every benchmark needs: interleaved rounds, medians, collector time and memory beside the time, machine facts.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const HERE = dirname(fileURLToPath(import.meta.url));
export const MIB = 1024 * 1024;
export const nebula = createRequire(import.meta.url)(join(HERE, '..', 'dist', 'index.js'));

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Resident bytes of this process, as the kernel counts them at this moment. */
export function residentBytes() {
  return Number(/^Rss:\s+(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'latin1'))[1]) * 1024;
}

/** Counts the collector's pauses from now on. */
export function watchCollector() {
  const seen = { count: 0, totalMs: 0, longestMs: 0, major: 0 };
  const take = (list) => {
    for (const { duration, detail } of list) {
      seen.count += 1;
      seen.totalMs += duration;
      seen.longestMs = Math.max(seen.longestMs, duration);
      if (detail.kind === 4) seen.major += 1;
    }
  };
  const observer = new PerformanceObserver((list) => take(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  return {
    /** What was seen so far; needs turns of the event loop, because entries are handed over between them. */
    async stop() {
      for (let i = 0; i < 3; i += 1) await turn();
      take(observer.takeRecords());
      observer.disconnect();
      return { ...seen };
    },
  };
}

/** Nanoseconds for one operation of a loop. */
export function timed(operations, loop) {
  const start = performance.now();
  loop(operations);
  return ((performance.now() - start) * 1e6) / operations;
}

/**
 * As timed(), but looks at the clock after every `batch` operations too. `value`: the mean of an operation; `p50` and
 * `p99`: of the batches, per operation. `loop(first, count)` runs `count` operations.
 */
export function timedInBatches(operations, batch, loop) {
  const batches = Math.max(1, Math.floor(operations / batch));
  const samples = new Float64Array(batches);
  const start = performance.now();
  let before = start;
  for (let i = 0; i < batches; i += 1) {
    loop(i * batch, batch);
    const after = performance.now();
    samples[i] = ((after - before) * 1e6) / batch;
    before = after;
  }
  samples.sort();
  const at = (share) => samples[Math.min(batches - 1, Math.floor(batches * share))];
  return { value: ((before - start) * 1e6) / (batches * batch), p50: at(0.5), p99: at(0.99) };
}

/**
 * Runs every variant once in a round, each round beginning with another one; the first round warms up and is not
 * counted. A variant is `{name, run}`, and `run()` gives one number in the benchmark's unit, or an object with
 * `value` and further numbers.
 */
export async function interleave(variants, rounds) {
  const rows = variants.map(({ name }) => ({
    name,
    samples: [],
    gcMs: [],
    gcCount: [],
    gcLongestMs: [],
    rssMiB: [],
    more: {},
  }));
  for (let round = -1; round < rounds; round += 1) {
    for (let step = 0; step < variants.length; step += 1) {
      const at = (step + round + 1) % variants.length;
      // Nothing of the variant before: not its garbage, not the addresses that its freed views still hold.
      globalThis.gc?.();
      for (let i = 0; i < 3; i += 1) await turn();
      nebula.memory.drainQuarantine({ all: true });
      const collector = watchCollector();
      const result = await variants[at].run();
      const { totalMs, count, longestMs } = await collector.stop();
      if (round < 0) continue;
      const { value, ...more } = typeof result === 'number' ? { value: result } : result;
      const row = rows[at];
      row.samples.push(value);
      row.gcMs.push(totalMs);
      row.gcCount.push(count);
      row.gcLongestMs.push(longestMs);
      row.rssMiB.push(residentBytes() / MIB);
      for (const [key, number] of Object.entries(more)) (row.more[key] ??= []).push(number);
    }
  }
  return rows.map(({ name, samples, gcMs, gcCount, gcLongestMs, rssMiB, more }) => ({
    name,
    median: median(samples),
    least: Math.min(...samples),
    most: Math.max(...samples),
    gcMs: median(gcMs),
    gcCount: median(gcCount),
    gcLongestMs: Math.max(...gcLongestMs),
    rssMiB: median(rssMiB),
    ...Object.fromEntries(Object.entries(more).map(([key, numbers]) => [key, median(numbers)])),
    samples,
  }));
}

/** The median of a round's ratio of two rows: what disturbs both at once disturbs it least. */
export function ratioOf(rows, above, below) {
  const find = (name) => rows.find((row) => row.name === name).samples;
  const [upper, lower] = [find(above), find(below)];
  return median(upper.map((value, round) => value / lower[round]));
}

export function claim(text, reached, sign, target) {
  return { text, reached, sign, target, met: sign === '<=' ? reached <= target : reached >= target };
}

/** A ratio that is worth knowing and that nobody promised. */
export function comparison(text, reached) {
  return { text, reached };
}

/** Compiles a C program of programs/ for the time of `use`, which gets its path; null where there is no compiler. */
export async function withProgram(name, use) {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-bench-'));
  try {
    const output = join(folder, name);
    const built = spawnSync('cc', ['-O2', '-o', output, join(HERE, 'programs', `${name}.c`)], { encoding: 'utf8' });
    return await use(built.status === 0 ? output : null);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function machineFacts() {
  const first = (file) => {
    try {
      return readFileSync(file, 'latin1').trim();
    } catch {
      return null;
    }
  };
  let compiler = null;
  try {
    compiler = execFileSync('cc', ['--version'], { encoding: 'utf8' }).split('\n')[0];
  } catch {
    // none here: the rows of C programs are left out
  }
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    kernel: release(),
    cpu: cpus()[0]?.model ?? null,
    cpus: availableParallelism(),
    memoryMiB: Math.round(totalmem() / MIB),
    virtualMachine: /^flags.*\bhypervisor\b/m.test(first('/proc/cpuinfo') ?? ''),
    transparentHugePages: /\[(\w+)\]/.exec(first('/sys/kernel/mm/transparent_hugepage/enabled') ?? '')?.[1] ?? null,
    load: first('/proc/loadavg')?.split(' ').slice(0, 3).join(' ') ?? null,
    compiler,
  };
}
