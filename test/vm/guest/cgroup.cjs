// Control groups for tests on the machine `cgroup`: make one, run a program inside, read what the kernel counted.
const { spawn } = require('node:child_process');
const { mkdirSync, readFileSync, rmdirSync, writeFileSync } = require('node:fs');

const TOP = '/sys/fs/cgroup';

/** @param limits such as {max: 64 * MIB, high: 48 * MIB}; swap is always off */
function makeGroup(name, { max = 'max', high = 'max' } = {}) {
  const path = `${TOP}/${name}`;
  mkdirSync(path);
  const write = (file, value) => writeFileSync(`${path}/${file}`, String(value));
  write('memory.max', max);
  write('memory.high', high);
  write('memory.oom.group', 0);
  const read = (file) => readFileSync(`${path}/${file}`, 'utf8');
  const keyed = (file) =>
    Object.fromEntries([...read(file).matchAll(/^(\w+) (\d+)$/gm)].map(([, k, v]) => [k, Number(v)]));
  return {
    path,
    read,
    write,
    number: (file) => Number(read(file)),
    events: () => keyed('memory.events'),
    remove: () => rmdirSync(path),
    /** Takes this process in; `leave` puts it back. What it holds already stays charged where it was. */
    enter: () => write('cgroup.procs', process.pid),
    leave: () => writeFileSync(`${TOP}/cgroup.procs`, String(process.pid)),
    /** Runs `node -e code` inside. Resolves to {status, signal, output, value}: the last line as JSON where it is some. */
    run: (code, { timeoutMs = 60_000, onLine = () => {} } = {}) =>
      new Promise((resolve) => {
        const command = `echo $$ > ${path}/cgroup.procs; exec node --expose-gc -e "$0"`;
        const child = spawn('/bin/sh', ['-c', command, code], { cwd: '/lab', stdio: ['pipe', 'pipe', 'pipe'] });
        let output = '';
        let pending = '';
        const take = (data) => {
          output += data;
          pending += data;
          const lines = pending.split('\n');
          pending = lines.pop();
          for (const line of lines) onLine(line, child);
        };
        child.stdout.on('data', take);
        child.stderr.on('data', take);
        const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
        child.on('close', (status, signal) => {
          clearTimeout(timer);
          let value;
          try {
            value = JSON.parse(output.trim().split('\n').at(-1));
          } catch {}
          resolve({ status, signal, output, value });
        });
      }),
  };
}

module.exports = { makeGroup };
