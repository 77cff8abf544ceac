import { closeSync, openSync, readSync } from 'node:fs';
import { memory, Region } from '../../../lib/platform';
import { native } from '../../../lib/platform/native';
import { untilCollected } from '../../support/collected';
import { isEmptied } from '../../support/emptied';
import { codeOf, compileC, PAGE, runChild, scratchFolder, smapsAt, thrown, withHolder } from './support';

const folder = scratchFolder();
afterEach(() => jest.restoreAllMocks());

/** What /proc/self/mem gives at an address: the bytes, or the error. */
function peek(address: number, bytes: number): string {
  const file = openSync('/proc/self/mem', 'r');
  const target = Buffer.alloc(bytes);
  try {
    const count = readSync(file, target, 0, bytes, address);
    return count === 0 ? 'nothing' : target.toString('latin1', 0, count);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error';
  } finally {
    closeSync(file);
  }
}

const secretMemory = memory.capabilities().memfdSecret.available;
const withSecretMemory = secretMemory ? it : it.skip;

describe('Region.secret', () => {
  it('holds bytes, and tells what guards them', () => {
    const region = Region.secret(100);
    expect([region.kind, region.byteLength]).toEqual(['secret', 100]);
    region.bytes.fill(7);
    region.write(1, Uint8Array.of(8));
    expect([region.bytes[0], region.bytes[1]]).toEqual([7, 8]);
    expect(region.protection).toMatchObject({ guardPages: true, canary: true, zeroedOnFree: true });
    expect(Object.isFrozen(region.protection)).toBe(true);
    const view = region.bytes;
    region.free();
    expect(isEmptied(view)).toBe(true);
  });

  withSecretMemory('is out of reach of /proc/self/mem, unlike other memory', () => {
    const plain = withHolder(() => Region.map(PAGE));
    plain.region.write(0, Buffer.from('readable'));
    expect(peek(plain.describe().address, 8)).toBe('readable');
    plain.region.free();
    const { region, describe: look } = withHolder(() => Region.secret(PAGE, { strict: true }));
    region.write(0, Buffer.from('password'));
    expect(['EIO', 'EFAULT', 'nothing']).toContain(peek(look().address, 8));
    expect(region.protection).toEqual({
      secretMemory: true,
      locked: true,
      excludedFromDump: true,
      fork: 'excluded',
      guardPages: true,
      canary: true,
      zeroedOnFree: true,
      fallbacks: [],
    });
    region.free();
  });

  withSecretMemory('is locked and not dumped in the words of the kernel', () => {
    const { region, describe: look } = withHolder(() => Region.secret(PAGE));
    const flags = smapsAt(look().address, PAGE).flags;
    expect(flags).toMatch(/\blo\b/);
    expect(flags).toMatch(/\bdc\b/);
    region.free();
  });

  it('lies between pages without access', () => {
    const { region, describe: look } = withHolder(() => Region.secret(PAGE));
    const { address, mappedBytes } = look();
    const permissions = (at: number) => smapsAt(at, 1).flags.match(/\b(rd|wr)\b/g);
    expect([permissions(address - 1), permissions(address + mappedBytes)]).toEqual([null, null]);
    expect(permissions(address)).toEqual(['rd', 'wr']);
    region.free();
  });

  it('can be closed and opened again', () => {
    using region = Region.secret(PAGE);
    region.bytes[0] = 9;
    region.protect('none');
    expect(codeOf(() => region.read(0, new Uint8Array(1)))).toBe('ERR_MEMORY_INVALID_STATE');
    region.protect('read');
    const copy = new Uint8Array(1);
    region.read(0, copy);
    expect([copy[0], codeOf(() => region.write(0, copy))]).toEqual([9, 'ERR_MEMORY_INVALID_STATE']);
    region.protect('readwrite');
    expect(region.bytes[0]).toBe(9);
  });

  it('refuses what would weaken it', () => {
    using region = Region.secret(PAGE);
    expect(codeOf(() => region.remap(2 * PAGE))).toBe('ERR_MEMORY_UNSUPPORTED');
    expect(codeOf(() => region.handle)).toBe('ERR_MEMORY_INVALID_STATE');
    expect(codeOf(() => Region.secret(PAGE, { dump: true } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it('is freed while protected', async () => {
    await untilCollected();
    const { regions } = memory.totals();
    const region = Region.secret(PAGE);
    region.protect('none');
    region.free();
    expect(memory.totals().regions).toBe(regions);
  });

  withSecretMemory('throws with strict when a protection is missing, and leaves nothing', async () => {
    await untilCollected();
    const { regions } = memory.totals();
    jest.spyOn(native(), 'advise').mockReturnValue({ failed: 1, call: 'madvise', errno: 22, detail: 0 });
    expect(thrown(() => Region.secret(PAGE, { strict: true }))).toMatchObject({ errno: 22 });
    expect(memory.totals().regions).toBe(regions);
    using soft = Region.secret(PAGE);
    expect(soft.protection).toMatchObject({
      fork: 'inherited',
      fallbacks: [{ wanted: 'exclusion from forks', errno: 22 }],
    });
  });
});

// Denies memfd_secret to a child: a filter of the kernel, set by a small C program that then becomes Node.js.
const DENY = `
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <stdlib.h>
int main(int count, char **words) {
  struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 447 /* memfd_secret */, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1 /* EPERM */),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {4, filter};
  if (words[1][0] == 'd' && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))) return 90;
  struct rlimit none = {0, 0};
  if (words[1][1] == 'l') {
    if (setrlimit(RLIMIT_MEMLOCK, &none)) return 91;
    if (getuid() == 0 && (setgid(65534) || setuid(65534))) return 92; /* root may lock beyond the limit */
  }
  execv(words[2], words + 2);
  return 93;
}
`;
const deny = compileC(folder, 'deny', DENY);
if (deny === null) console.warn('skipped: no C compiler, so memfd_secret cannot be denied to a child');
const withDenial = deny === null ? it.skip : it;
const REPORT = `const region = Region.secret(100); region.bytes.fill(1);
const { protection, placement } = region; region.free(); console.log(JSON.stringify({ protection, got: placement.got }));`;

describe('without memfd_secret', () => {
  withDenial('falls back to locked private memory, and says what was got', () => {
    const { status, output, stderr } = runChild(REPORT, { launcher: [deny ?? '', 'd-'] });
    expect([status, stderr]).toEqual([0, '']);
    expect(output).toMatchObject({
      protection: {
        secretMemory: false,
        locked: true,
        excludedFromDump: true,
        fork: 'wiped',
        guardPages: true,
        canary: true,
        fallbacks: [{ wanted: 'memfd_secret', code: 'ERR_MEMORY_PERMISSION', errno: 1 }],
      },
      got: { locked: true },
    });
  });

  withDenial('and without a right to lock, says that too; strict throws', () => {
    const source = `${REPORT} `
      .replace(
        'console.log',
        `const strict = codeOf(() => Region.secret(100, { strict: true }));
      console.log`,
      )
      .replace('got: placement.got', 'got: placement.got, strict, regions: memory.totals().regions');
    const { status, output, stderr } = runChild(source, { launcher: [deny ?? '', 'dl'] });
    expect([status, stderr]).toEqual([0, '']);
    expect(output).toMatchObject({
      protection: {
        secretMemory: false,
        locked: false,
        excludedFromDump: true,
        fallbacks: [{ wanted: 'memfd_secret' }, { wanted: 'lock', code: 'ERR_MEMORY_LOCK_LIMIT', errno: 1 }],
      },
      got: { locked: false },
      strict: 'ERR_MEMORY_PERMISSION',
      regions: 0,
    });
  });

  withDenial('and with memfd_secret over the locked-memory limit, too', () => {
    const { status, output } = runChild(REPORT, { launcher: [deny ?? '', '-l'] });
    expect(status).toBe(0);
    expect(output).toMatchObject({ protection: { secretMemory: false, locked: false } });
  });

  // The bytes behind the region are out of every view's reach; /proc/self/mem stands for native code that runs wild.
  withDenial('notices native code that wrote behind the bytes', () => {
    const source = (distance: number) => `const { readFileSync, openSync, writeSync } = fs;
      const before = new Set(readFileSync('/proc/self/maps', 'latin1').split('\\n').map((line) => line.split(' ')[0]));
      const region = Region.secret(100);
      region.bytes.fill(0x5a);
      const mark = Buffer.alloc(100, 0x5a);
      const ranges = readFileSync('/proc/self/maps', 'latin1').split('\\n')
        .filter((line) => line.includes('rw-p') && !before.has(line.split(' ')[0]))
        .map((line) => line.split(' ')[0].split('-').map((text) => parseInt(text, 16)));
      const mem = openSync('/proc/self/mem', 'r+');
      const page = Buffer.alloc(4096);
      const found = ranges.filter(([from, to]) => to - from === 4096 && fs.readSync(mem, page, 0, 4096, from) === 4096 && page.subarray(0, 100).equals(mark));
      if (found.length !== 1) { console.log(JSON.stringify('found ' + found.length)); process.exit(1); }
      const canary = Buffer.from(page.subarray(100, 116));
      writeSync(mem, Buffer.from([canary[0] ^ 255]), 0, 1, found[0][0] + ${distance});
      const seen = codeOf(() => region.free());
      console.log(JSON.stringify([seen, region.state, canary.some((byte) => byte !== 0), memory.totals().regions]));`;
    const spare = runChild(source(99), { launcher: [deny ?? '', 'd-'] });
    expect([spare.status, spare.output]).toEqual([0, ['none', 'freed', true, 0]]);
    const hit = runChild(source(100), { launcher: [deny ?? '', 'd-'] });
    expect([hit.status, hit.output]).toEqual([0, ['ERR_MEMORY_CORRUPTION', 'freed', true, 0]]);
  });
});
