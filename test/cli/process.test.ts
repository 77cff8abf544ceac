import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SECTIONS } from '../../lib/cli/commands';
import { TWO_NODES, writeMachine } from './support/machines';
import { type Schema, undescribed, validate } from './support/schema';

const ROOT = join(__dirname, '../..');
const MAIN = join(ROOT, 'dist/cli/main.js');
const onPosix = process.platform === 'win32' ? test.skip : test;

let folder = '';
let machine = '';

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error('dist/cli/main.js is missing: run npm run build first');
  folder = mkdtempSync(join(tmpdir(), 'nebula-cli-'));
  machine = writeMachine(join(folder, 'machine'), TWO_NODES);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function environment(over: Record<string, string> = {}): Record<string, string | undefined> {
  const { NO_COLOR: _, FORCE_COLOR: __, NODE_OPTIONS: ___, ...rest } = process.env;
  return { ...rest, LC_ALL: 'C.UTF-8', ...over };
}

function cli(args: readonly string[], over: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    env: environment(over),
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

function schemaOf(name: string): Schema {
  return JSON.parse(readFileSync(join(ROOT, 'docs', `${name}.schema.json`), 'utf8')) as Schema;
}

describe('this machine', () => {
  test('probe fits 80 columns and one screen, without color or messages', () => {
    const { status, stdout, stderr } = cli(['probe']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(40);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout).not.toContain('\u001b');
  });

  test('a probe where the native part does not load shows what it can, says why, and does not end with 0', () => {
    for (const args of [['probe'], ['probe', '--json']]) {
      const { status, stdout, stderr } = cli(args, { NEBULA_MEMORY_BINDING: '/nowhere.node' });
      expect([status, stdout.length > 500]).toEqual([4, true]);
      expect(stderr).toContain('/nowhere.node');
      expect(stderr).toContain('NEBULA_MEMORY_BINDING');
    }
  });

  test.each(SECTIONS.map(({ name }) => name))('probe %s has text and JSON that matches the schema', (name) => {
    const text = cli(['probe', name]);
    const json = cli(['probe', name, '--json']);
    expect([0, 4]).toContain(text.status);
    expect(json.status).toBe(text.status);
    const report: unknown = JSON.parse(json.stdout);
    expect(validate(report, schemaOf('probe'))).toEqual([]);
    expect(undescribed(report, schemaOf('probe'))).toEqual([]);
  });

  test('probe --json and doctor --json match their schemas', () => {
    for (const name of ['probe', 'doctor']) {
      const report: unknown = JSON.parse(cli([name, '--json']).stdout);
      expect(validate(report, schemaOf(name))).toEqual([]);
      expect(undescribed(report, schemaOf(name))).toEqual([]);
    }
  });
});

describe('a copied machine', () => {
  test('is what every screen shows', () => {
    const { status, stdout } = cli(['probe', '--sysroot', machine]);
    expect(status).toBe(0);
    expect(stdout).toContain('6.12.0-test');
    expect(stdout).toContain(`4 GiB set by ${'/sys/fs/cgroup/kubepods.slice/app/memory.max'}`);
    expect(stdout).not.toContain('Mapped');
    for (const name of ['topology', 'numa', 'hugepages', 'limits', 'pressure', 'caches']) {
      expect(cli(['probe', name, '--sysroot', machine]).status).toBe(0);
    }
  });

  test.each(['process', 'capabilities'])('has no %s: exit code 4 with the reason', (name) => {
    const { status, stdout, stderr } = cli(['probe', name, '--sysroot', machine]);
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(stderr).toContain('a copied machine has no running process');
    const json = cli(['probe', name, '--sysroot', machine, '--json']);
    expect(json.status).toBe(4);
    expect(JSON.parse(json.stdout)).toMatchObject({ [name]: null });
  });

  test('doctor exits with 3 at the level that was asked for', () => {
    expect(cli(['doctor', '--sysroot', machine]).status).toBe(0);
    expect(cli(['doctor', '--sysroot', machine, '--fail-on', 'warn']).status).toBe(3);
    expect(cli(['doctor', '--sysroot', machine, '--fail-on=warn', '--json']).status).toBe(3);
    const full = writeMachine(join(folder, 'full'), {
      ...TWO_NODES,
      '/sys/fs/cgroup/kubepods.slice/app/memory.current': '4294967296',
    });
    expect(cli(['doctor', '--sysroot', full]).status).toBe(3);
  });

  test('that is none is wrong usage', () => {
    writeFileSync(join(folder, 'file'), '');
    for (const path of [join(folder, 'missing'), join(folder, 'file'), join(folder)]) {
      const { status, stdout, stderr } = cli(['probe', '--sysroot', path]);
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toContain('--sysroot');
    }
  });
});

describe('streams and exit codes', () => {
  test.each([
    [['prob'], "did you mean 'probe'"],
    [['probe', 'limts'], "did you mean 'limits'"],
    [['probe', '--btyes'], "did you mean '--bytes'"],
  ])('%j is one line on stderr and 2', (args, hint) => {
    const { status, stdout, stderr } = cli(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(hint);
    expect(stderr).toMatch(/^[^\n]*Try 'nebula-memory[a-z ]* --help'\.\n$/);
  });

  test('help and version are data', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(cli(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
    for (const args of [[], ['--help'], ['help'], ['help', 'doctor'], ['probe', '--help']]) {
      expect(cli(args)).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('Examples') });
    }
  });

  test('a native part that does not load is told, and the rest is shown', () => {
    const broken = { NEBULA_MEMORY_BINDING: join(folder, 'missing.node') };
    const summary = cli(['probe'], broken);
    expect(summary).toMatchObject({ status: 4, stdout: expect.stringContaining('capabilities') });
    expect(cli(['probe', 'capabilities'], broken)).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('missing.node'),
    });
    expect(cli(['doctor', '--quiet'], broken)).toMatchObject({ status: 3, stdout: expect.stringContaining('FAIL') });
  });

  test('color follows NO_COLOR, FORCE_COLOR and --color', () => {
    const args = ['probe', 'limits', '--sysroot', machine];
    expect(cli(args, { NO_COLOR: '1' }).stdout).not.toContain('\u001b');
    expect(cli(args, { FORCE_COLOR: '1' }).stdout).toContain('\u001b[');
    expect(cli([...args, '--color', 'always'], { NO_COLOR: '1' }).stdout).toContain('\u001b[');
  });

  test('a dumb terminal or another locale gets ASCII', () => {
    for (const over of [{ TERM: 'dumb' }, { LC_ALL: 'C' }] as Record<string, string>[]) {
      expect(cli(['probe', 'topology', '--sysroot', machine], over).stdout).toMatch(/^[\n -~]*$/);
    }
  });

  (existsSync('/dev/full') ? test : test.skip)('a full device is told', () => {
    for (const command of ['probe', 'doctor --json']) {
      const { stdout, stderr } = spawnSync(
        'bash',
        ['-c', `"$0" "$1" ${command} >/dev/full; echo $?`, process.execPath, MAIN],
        {
          env: environment(),
          encoding: 'utf8',
        },
      );
      expect(stdout).toBe('1\n');
      expect(stderr).toMatch(/^nebula-memory: cannot write: .*ENOSPC.*\n$/);
    }
  });

  test.each(['-', '/dev/stdin'])('%s is standard input, a socket or pipe as well', (name) => {
    const input = `Action,Pointer,Size\n${'allocate,0x10,8\nfree,0x10,8\n'.repeat(20_000)}`;
    const run = (file: string, args: readonly string[]) =>
      spawnSync(file, args, { env: environment(), encoding: 'utf8', input });
    const direct = run(process.execPath, [MAIN, 'replay', name]); // Node.js hands over a socket
    expect({ status: direct.status, stderr: direct.stderr }).toEqual({ status: 0, stderr: '' });
    expect(direct.stdout).toMatch(/^stdin on heap[\s\S]*40000 operations/);
    const damaged = spawnSync(process.execPath, [MAIN, 'replay', name], { encoding: 'utf8', input: 'nonsense' });
    expect(damaged).toMatchObject({ status: 1, stderr: expect.stringContaining('stdin:1: no column Action') });
    if (process.platform === 'win32') return;
    const piped = run('bash', ['-c', `cat | "$0" "$1" replay ${name}`, process.execPath, MAIN]);
    expect({ status: piped.status, stderr: piped.stderr }).toEqual({ status: 0, stderr: '' });
    const closed = run('bash', ['-c', `"$0" "$1" replay ${name} <&-`, process.execPath, MAIN]);
    expect(closed.status).not.toBe(0);
    expect(closed.stderr).toMatch(/^nebula-memory: /);
  });

  onPosix('a reader that goes away is no failure and no message', () => {
    const script = '"$0" "$1" probe --json | head -c 1 >/dev/null; echo $PIPESTATUS';
    for (let round = 0; round < 3; round++) {
      const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, MAIN], {
        env: environment(),
        encoding: 'utf8',
      });
      expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
    }
    const closed = '"$0" "$1" probe | (exec 0<&-; sleep 0.5); echo $PIPESTATUS';
    const { stdout, stderr } = spawnSync('bash', ['-c', closed, process.execPath, MAIN], {
      env: environment(),
      encoding: 'utf8',
    });
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
  });

  onPosix('an interrupt ends it as shells expect: 130', () => {
    const hook = join(folder, 'interrupt.js');
    writeFileSync(hook, "process.on('exit', () => { process.kill(process.pid, 'SIGINT'); });");
    const env = environment({ NODE_OPTIONS: `--require ${hook}` });
    const { stdout } = spawnSync('bash', ['-c', '"$0" "$1" probe >/dev/null; echo $?', process.execPath, MAIN], {
      env,
      encoding: 'utf8',
    });
    expect(stdout).toBe('130\n');
  });
});
