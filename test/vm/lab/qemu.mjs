// Turns a machine's data into QEMU's arguments, boots it and reads what it reported.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, run } from './tools.mjs';

const STATUS_BASE = 32; // so that QEMU's own status 1 cannot be taken for a guest's

function numaArguments({ nodes, hmat, cpus }) {
  const args = [];
  for (const [id, { mib, initiator, cpus: own }] of nodes.entries()) {
    const first = hmat === undefined ? undefined : (initiator ?? id);
    args.push('-object', `memory-backend-ram,id=ram${id},size=${mib}M`);
    args.push('-numa', `node,nodeid=${id},memdev=ram${id}${first === undefined ? '' : `,initiator=${first}`}`);
    for (const cpu of own) args.push('-numa', `cpu,node-id=${id},socket-id=${cpu}`);
  }
  if (nodes.length > 1) {
    for (const [src, { distances }] of nodes.entries()) {
      for (const [dst, value] of distances.entries()) {
        if (src !== dst) args.push('-numa', `dist,src=${src},dst=${dst},val=${value}`);
      }
    }
  }
  for (const [key, type, unit, suffix] of [
    ['latencyNs', 'access-latency', 'latency', ''],
    ['bandwidthMiBps', 'access-bandwidth', 'bandwidth', 'M'],
  ]) {
    for (const [initiator, row] of (hmat?.[key] ?? []).entries()) {
      for (const [target, value] of row.entries()) {
        const place = `hmat-lb,initiator=${initiator},target=${target},hierarchy=memory`;
        args.push('-numa', `${place},data-type=${type},${unit}=${value}${suffix}`);
      }
    }
  }
  return [...args, '-smp', `${cpus},sockets=${cpus},cores=1,threads=1`];
}

const DAX_OFFSET_MIB = 2; // what an fsdax namespace keeps for itself, with 2 MiB alignment

/** An empty ext4 of 4 KiB blocks, the size at which DAX works, where the namespace's data will begin. */
function makeDaxDisk(file, mib) {
  writeFileSync(file, '');
  truncateSync(file, mib * 2 ** 20);
  const place = `offset=${DAX_OFFSET_MIB * 2 ** 20}`;
  run(findProgram('mke2fs'), ['-q', '-t', 'ext4', '-b', '4096', '-E', place, file, `${mib - DAX_OFFSET_MIB}M`]);
}

function argumentsOf(machine, kernel, image, folder) {
  const total = machine.nodes.reduce((sum, { mib }) => sum + mib, 0);
  const switches = ['q35', machine.hmat && 'hmat=on', machine.nvdimmMib && 'nvdimm=on'].filter(Boolean);
  const boot = `console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on transparent_hugepage=madvise`;
  // Without cmpxchg16b: QEMU 7.2 now and then leaves half of a pointer in the flags behind it, and newer kernels, which
  // use it in every allocation, die of that while they boot.
  const args = ['-accel', 'tcg,thread=multi', '-cpu', 'max,-cx16', '-machine', switches.join(',')];
  args.push(...numaArguments(machine));
  args.push('-m', machine.nvdimmMib ? `${total}M,slots=2,maxmem=${total + 1024}M` : `${total}M`);
  if (machine.nvdimmMib) {
    const disk = join(folder, `${machine.name}.pmem`);
    makeDaxDisk(disk, machine.nvdimmMib);
    args.push('-object', `memory-backend-file,id=nv,share=on,mem-path=${disk},size=${machine.nvdimmMib}M`);
    args.push('-device', 'nvdimm,id=nvdimm,memdev=nv');
  }
  args.push('-nodefaults', '-no-reboot', '-display', 'none', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04');
  args.push('-serial', `file:${join(folder, `${machine.name}.console`)}`);
  args.push('-serial', `file:${join(folder, `${machine.name}.results`)}`);
  args.push('-kernel', kernel.image, '-initrd', image);
  return [...args, '-append', `${boot} ${machine.boot ?? ''} lab=${machine.name}`];
}

const readText = (file) => (existsSync(file) ? readFileSync(file, 'utf8').replaceAll('\r', '') : '');

/** Counts the lines of the tests; a test file that did not report its end is a failure of its own. */
export function judge(machine, status, text) {
  const failures = [];
  let passed = 0;
  let file = 'setup';
  const ended = new Set();
  const counted = new Set();
  for (const line of text.split('\n')) {
    const [, kind, name = ''] = /^(ok|not ok|# start|# end) (.*)$/.exec(line) ?? [];
    if (kind === '# start') file = name;
    else if (kind === '# end') ended.add(name);
    else if (kind === 'ok' || kind === 'not ok') counted.add(file);
    if (kind === 'ok') passed += 1;
    else if (kind === 'not ok') failures.push(`${file}: ${name}`);
  }
  for (const test of machine.tests) {
    if (!ended.has(test)) failures.push(`${test}: did not run to its end`);
    else if (!counted.has(test)) failures.push(`${test}: has no test`);
  }
  if (status !== 0 && failures.length === 0) failures.push(`the machine ended with ${status}`);
  if (status === 0 && passed === 0) failures.push('no test ran');
  return { passed, failures };
}

/** A kernel that dies before it has started a test died of the emulation: threads of it race in ways that no CPU's do. */
const diedBooting = ({ text, console }) => !/^# start /m.test(text) && /Kernel panic|---\[ end trace/.test(console);

/**
 * Boots the machine, a second time where its kernel died before any test began; resolves when it is off. Never rejects:
 * what went wrong is among the failures.
 */
export async function boot(machine, kernel, image, folder, limitMs) {
  const first = await bootOnce(machine, kernel, image, folder, limitMs);
  if (!diedBooting(first)) return first;
  const again = await bootOnce(machine, kernel, image, folder, limitMs);
  const note = `the kernel died while it booted, so the machine was booted again\n${again.note}`.trim();
  return { ...again, seconds: first.seconds + again.seconds, note, rebooted: true };
}

async function bootOnce(machine, kernel, image, folder, limitMs) {
  for (const kind of ['results', 'console']) rmSync(join(folder, `${machine.name}.${kind}`), { force: true });
  const began = process.hrtime.bigint();
  let note = '';
  const code = await new Promise((resolve) => {
    const args = argumentsOf(machine, kernel, image, folder);
    const child = spawn(findProgram('qemu-system-x86_64'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (data) => {
      note += data;
    });
    const timer = setTimeout(() => {
      note += `stopped after ${limitMs / 1000} s`;
      child.kill('SIGKILL');
    }, limitMs);
    child.on('error', (error) => {
      note += error.message;
      resolve(null);
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve(status);
    });
  });
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const status = code !== null && code % 2 === 1 ? (code - 1) / 2 - STATUS_BASE : null;
  const text = readText(join(folder, `${machine.name}.results`));
  const { passed, failures } = judge(machine, status !== null && status >= 0 ? status : `QEMU's ${code}`, text);
  const console = readText(join(folder, `${machine.name}.console`));
  return { machine, seconds, passed, failures, text, console, note: note.trim() };
}
