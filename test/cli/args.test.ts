import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readArguments } from '../../lib/cli/args';
import { COMMANDS, EXIT_CODES, SECTIONS } from '../../lib/cli/commands';
import { CHECKS } from '../../lib/cli/doctor/checks';
import { UsageError } from '../../lib/cli/errors';
import { renderHelp } from '../../lib/cli/help';
import { viewOf as viewFor } from '../../lib/cli/output';
import { viewOf } from './support/data';

function failure(...argv: string[]): string {
  try {
    readArguments(argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'no error';
}

describe('reading a command line', () => {
  test('knows commands, sections and flags in any order', () => {
    const args = readArguments(['--json', 'probe', '--width', '60', 'numa', '--color=never', '--sysroot', 'copy']);
    expect(args).toMatchObject({
      section: 'numa',
      json: true,
      width: 60,
      color: 'never',
      sysroot: 'copy',
      quiet: false,
    });
    expect(args.command?.name).toBe('probe');
  });

  test('knows files and sizes', () => {
    const args = readArguments(['replay', '--allocator=block', 'app.csv', '--block', '4KiB', '--capacity', '1MiB']);
    expect(args).toMatchObject({ files: ['app.csv'], allocator: 'block', blockBytes: 4096, capacityBytes: 2 ** 20 });
    expect(readArguments(['leaks', 'diff', 'a.json', 'b.json']).files).toEqual(['a.json', 'b.json']);
    expect(readArguments(['replay', '--help'])).toMatchObject({ files: [], help: true });
  });

  test.each([
    [['prob'], "unknown command 'prob'; did you mean 'probe'? Commands: probe, doctor, replay, leaks, config, help."],
    [
      ['limits'],
      "unknown command 'limits'; did you mean 'probe limits'? Commands: probe, doctor, replay, leaks, config, help.",
    ],
    [['bench'], "unknown command 'bench'. Commands: probe, doctor, replay, leaks, config, help."],
    [['probe', 'nmua'], "unknown section 'nmua'; did you mean 'numa'?"],
    [['probe', '--jsno'], "unknown flag '--jsno'; did you mean '--json'?"],
    [['probe', '-j'], "unknown flag '-j'."],
    [['probe', 'numa', 'limits'], "one word too many: 'limits'."],
    [['doctor', 'numa'], "doctor takes no word, got 'numa'."],
    [['probe', '--fail-on', 'warn'], '--fail-on is a flag of doctor, not of probe.'],
    [['--json'], '--json is a flag of probe, doctor, replay, leaks and config, and no command was named.'],
    [['doctor', '--fail-on', 'eror'], "--fail-on must be warn, error, got 'eror'; did you mean 'error'?"],
    [['probe', '--width', '--json'], '--width needs a value: 20 to 1000 columns.'],
    [['probe', '--width'], '--width needs a value: 20 to 1000 columns.'],
    [['probe', '--width=1e3'], "--width must be a number of columns from 20 to 1000, got '1e3'."],
    [['probe', '--json=yes'], "--json takes no value, got 'yes'."],
    [['replay'], 'replay needs FILE: replay FILE [flags].'],
    [['replay', ''], 'replay needs FILE'],
    [['replay', 'a.csv', 'b.csv'], "one word too many: 'b.csv'."],
    [['replay', 'a.csv', '--allocator', 'haep'], "got 'haep'; did you mean 'heap'?"],
    [['replay', 'a.csv', '--capacity', '5 lots'], '--capacity must be'],
    [['replay', 'a.csv', '--block', '0'], '--block must be from 1'],
    [['replay', 'a.csv', '--sysroot', '/'], '--sysroot is a flag of probe and doctor, not of replay.'],
    [['leaks'], "leaks needs 'diff': leaks diff BEFORE AFTER [flags]."],
    [['leaks', 'dif', 'a', 'b'], "unknown word 'dif'; did you mean 'diff'?"],
    [['leaks', 'diff', 'a'], 'leaks needs AFTER'],
    [['probe', 'a\u001b[2J\nb'], "unknown section 'a?[2J?b'."],
  ])('refuses %j', (argv, message) => {
    expect(failure(...argv)).toContain(message);
    expect(failure(...argv)).not.toContain('\n');
  });

  test('-h and -V are flags, but not behind --', () => {
    expect(readArguments(['probe', '-h']).help).toBe(true);
    expect(readArguments(['-V']).version).toBe(true);
    expect(failure('probe', '--', '-h')).toContain("unknown section '-h'");
  });
});

describe('help', () => {
  test.each(COMMANDS.map((command) => [command.name, command] as const))('of %s names all its words', (_, command) => {
    const text = renderHelp(command, viewOf(80));
    for (const { name } of [...command.flags, ...command.sections]) expect(text).toContain(name);
    expect(text.indexOf('Examples')).toBeLessThan(text.indexOf('Flags'));
  });

  test('every example is a valid command line', () => {
    for (const [line] of COMMANDS.flatMap((command) => command.examples)) {
      expect(() => readArguments(line.split(' '))).not.toThrow();
    }
  });

  test.each([20, 40, 80])('fits %i columns', (width) => {
    for (const command of [null, ...COMMANDS]) {
      for (const line of renderHelp(command, viewOf(width)).split('\n')) expect(line.length).toBeLessThanOrEqual(width);
    }
  });
});

test('docs/cli.md names every flag, section, exit code and check', () => {
  const text = readFileSync(join(__dirname, '../../docs/cli.md'), 'utf8');
  const flags = COMMANDS.flatMap((command) => command.flags).map(({ name }) => `\`--${name}`);
  const words = [...SECTIONS.map(({ name }) => name), ...CHECKS.map(({ id }) => id)].map((word) => `| \`${word}\` |`);
  const codes = EXIT_CODES.map(([code]) => `| ${code} |`);
  for (const word of [...flags, ...words, ...codes]) expect(text).toContain(word);
});

describe('the view', () => {
  const plain = { color: 'auto', width: null, bytes: false, quiet: false } as const;
  const stderr = { write: () => true };
  const tty = { write: () => true, isTTY: true, columns: 120, hasColors: () => true };
  const draw = (env: Record<string, string>, stdout: object = tty, args: object = {}) =>
    viewFor({ ...plain, ...args }, { env, platform: 'linux', stdout: { write: () => true, ...stdout }, stderr });

  test('has the width of the terminal, 80 in a pipe, or what is asked for', () => {
    expect(draw({}).width).toBe(120);
    expect(draw({}, { isTTY: false }).width).toBe(80);
    expect(draw({}, { isTTY: true, columns: 0 }).width).toBe(80);
    expect(draw({}, tty, { width: 33 }).width).toBe(33);
  });

  test.each([
    [{}, true],
    [{ NO_COLOR: '1' }, false],
    [{ NO_COLOR: '' }, true],
    [{ TERM: 'dumb' }, false],
    [{ FORCE_COLOR: '0' }, false],
  ])('colors a terminal with %j: %s', (env, expected) => {
    expect(draw(env).color).toBe(expected);
  });

  test('colors a pipe only when forced', () => {
    expect(draw({}, {}).color).toBe(false);
    expect(draw({ FORCE_COLOR: '1' }, {}).color).toBe(true);
    expect(draw({ NO_COLOR: '1' }, {}, { color: 'always' }).color).toBe(true);
    expect(draw({ FORCE_COLOR: '1' }, {}, { color: 'never' }).color).toBe(false);
  });

  test.each([
    [{ LANG: 'en_US.UTF-8' }, true],
    [{ LANG: 'C' }, false],
    [{}, false],
    [{ LC_ALL: 'C', LANG: 'en_US.UTF-8' }, false],
    [{ LANG: 'en_US.UTF-8', TERM: 'dumb' }, false],
  ])('draws in Unicode with %j: %s', (env, expected) => {
    expect(draw(env).unicode).toBe(expected);
  });
});
