import { parseArgs } from 'node:util';
import { nearest, parseBytes } from '../core';
import {
  COMMANDS,
  type CommandInfo,
  type FlagInfo,
  REPLAY_ALLOCATORS,
  type ReplayAllocator,
  SECTIONS,
  type SectionName,
} from './commands';
import { UsageError } from './errors';

/** A checked command line. */
export interface Arguments {
  /** Null: none was named. */
  readonly command: CommandInfo | null;
  readonly section: SectionName | null;
  /** The command that `help` is asked about. */
  readonly topic: CommandInfo | null;
  readonly help: boolean;
  readonly version: boolean;
  readonly json: boolean;
  readonly bytes: boolean;
  readonly quiet: boolean;
  readonly color: 'auto' | 'always' | 'never';
  /** Columns, or null for those of the terminal. */
  readonly width: number | null;
  readonly sysroot: string | null;
  readonly failOn: 'warn' | 'error';
  /** Files that the command names, in its order. */
  readonly files: readonly string[];
  /** Null: that of the log. */
  readonly allocator: ReplayAllocator | null;
  readonly capacityBytes: number | null;
  readonly blockBytes: number | null;
  readonly check: boolean;
  /** File, preset and field of `config`. */
  readonly configFile: string | null;
  readonly preset: string | null;
  readonly explain: string | null;
}

const VERSION: FlagInfo = { name: 'version', help: 'the version of this package' };
/** Without a command there is only help to show. */
const NO_COMMAND_FLAGS = COMMANDS.find((command) => command.name === 'help')?.flags ?? [];
const LEAST_WIDTH = 20;
const GREATEST_WIDTH = 1000;

/** Reads a command line. @throws UsageError with the nearest suggestion */
export function readArguments(argv: readonly string[]): Arguments {
  const known = new Map([VERSION, ...COMMANDS.flatMap((command) => command.flags)].map((flag) => [flag.name, flag]));
  const { tokens } = parseArgs({
    args: expandShort(argv),
    options: Object.fromEntries(
      [...known.values()].map(
        (flag) => [flag.name, { type: flag.value === undefined ? 'boolean' : 'string' }] as const,
      ),
    ),
    // Strict mode has no suggestions, and its messages fill more than a line.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const command = words[0] === undefined ? null : findCommand(words[0]);
  const flags = new Map<string, string | true>();
  for (const token of tokens) {
    if (token.kind === 'option') flags.set(token.name, readFlag(token, command, known));
  }
  return {
    command,
    ...readWords(command, words.slice(1)),
    help: flags.has('help'),
    version: flags.has('version'),
    json: flags.has('json'),
    bytes: flags.has('bytes'),
    quiet: flags.has('quiet'),
    color: pick(flags.get('color'), ['auto', 'always', 'never'] as const, 'auto'),
    width: readWidth(flags.get('width'), command),
    sysroot: textOf(flags.get('sysroot')),
    failOn: pick(flags.get('fail-on'), ['warn', 'error'] as const, 'error'),
    files: readOperands(command, words.slice(1), flags),
    allocator: REPLAY_ALLOCATORS.find((kind) => kind === flags.get('allocator')) ?? null,
    capacityBytes: readSize('capacity', flags, command),
    blockBytes: readSize('block', flags, command),
    check: flags.has('check'),
    configFile: textOf(flags.get('file')),
    preset: textOf(flags.get('preset')),
    explain: textOf(flags.get('explain')),
  };
}

/** -h and -V are habits; there are no other short flags. Behind `--` nothing is a flag. */
function expandShort(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((word, index) => {
    if (end >= 0 && index > end) return word;
    return word === '-h' ? '--help' : word === '-V' ? '--version' : word;
  });
}

function findCommand(word: string): CommandInfo {
  const command = COMMANDS.find((one) => one.name === word);
  if (command !== undefined) return command;
  const names = COMMANDS.map((one) => one.name);
  const section = SECTIONS.find((one) => one.name === word);
  const guess = section === undefined ? nearest(word, names) : `probe ${section.name}`;
  throw new UsageError(`unknown command ${quote(word)}${suggest(guess)} Commands: ${names.join(', ')}.`);
}

function readWords(command: CommandInfo | null, words: readonly string[]): Pick<Arguments, 'section' | 'topic'> {
  const [word, extra] = words;
  const isHelp = command?.name === 'help';
  if (word === undefined || command?.operands !== undefined) return { section: null, topic: null };
  if (extra !== undefined) throw new UsageError(`one word too many: ${quote(extra)}.`, command?.name);
  if (isHelp) return { section: null, topic: findCommand(word) };
  if (command === null || command.sections.length === 0) {
    throw new UsageError(`${command?.name ?? ''} takes no word, got ${quote(word)}.`, command?.name);
  }
  const section = SECTIONS.find((one) => one.name === word);
  if (section !== undefined) return { section: section.name, topic: null };
  const names = SECTIONS.map((one) => one.name);
  const list = `Sections: ${names.join(', ')}.`;
  throw new UsageError(`unknown section ${quote(word)}${suggest(nearest(word, names))} ${list}`, command.name);
}

/** The words of a command that takes files, against its list of them. */
function readOperands(
  command: CommandInfo | null,
  words: readonly string[],
  flags: ReadonlyMap<string, unknown>,
): string[] {
  const operands = command?.operands;
  if (operands === undefined || flags.has('help') || flags.has('version')) return [];
  const extra = words[operands.length];
  if (extra !== undefined) throw new UsageError(`one word too many: ${quote(extra)}.`, command?.name);
  return operands.flatMap((operand, index) => {
    const word = words[index];
    const isFile = operand === operand.toUpperCase();
    if (word === undefined || word === '') {
      throw new UsageError(
        `${command?.name} needs ${isFile ? operand : quote(operand)}: ${command?.usage}.`,
        command?.name,
      );
    }
    if (isFile) return [word];
    if (word === operand) return [];
    throw new UsageError(`unknown word ${quote(word)}${suggest(operand)}`, command?.name);
  });
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function readFlag(
  token: OptionToken,
  command: CommandInfo | null,
  known: ReadonlyMap<string, FlagInfo>,
): string | true {
  const { name, rawName, value } = token;
  const flag = known.get(name);
  const allowed = [VERSION.name, ...(command?.flags ?? NO_COMMAND_FLAGS).map((one) => one.name)];
  if (flag === undefined || !rawName.startsWith('--')) {
    const guess = nearest(name, command === null ? [...known.keys()] : allowed);
    throw new UsageError(`unknown flag ${quote(rawName)}${suggest(guess && `--${guess}`)}`, command?.name);
  }
  if (!allowed.includes(name)) {
    const owners = COMMANDS.filter((one) => one.flags.some((own) => own.name === name)).map((one) => one.name);
    throw new UsageError(
      `--${name} is a flag of ${enumerate(owners)}, ${command === null ? 'and no command was named' : `not of ${command.name}`}.`,
      command?.name,
    );
  }
  if (flag.value === undefined) {
    if (value !== undefined) throw new UsageError(`--${name} takes no value, got ${quote(value)}.`, command?.name);
    return true;
  }
  // `--width --json` forgot the number; a value that begins with a dash is written --width=-1.
  if (value === undefined || value === '' || (value.startsWith('-') && token.inlineValue !== true)) {
    throw new UsageError(`--${name} needs a value: ${flag.help}.`, command?.name);
  }
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    const guess = suggest(nearest(value, flag.choices));
    throw new UsageError(`--${name} must be ${flag.choices.join(', ')}, got ${quote(value)}${guess}`, command?.name);
  }
  return value;
}

function readWidth(value: string | true | undefined, command: CommandInfo | null): number | null {
  if (typeof value !== 'string') return null;
  const width = /^\d{1,6}$/.test(value) ? Number(value) : Number.NaN;
  if (width >= LEAST_WIDTH && width <= GREATEST_WIDTH) return width;
  throw new UsageError(
    `--width must be a number of columns from ${LEAST_WIDTH} to ${GREATEST_WIDTH}, got ${quote(value)}.`,
    command?.name,
  );
}

function readSize(name: string, flags: ReadonlyMap<string, string | true>, command: CommandInfo | null): number | null {
  const value = flags.get(name);
  if (typeof value !== 'string') return null;
  try {
    return parseBytes(value, `--${name}`, { minBytes: 1 });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}.`, command?.name);
  }
}

function pick<T extends string>(value: string | true | undefined, choices: readonly T[], otherwise: T): T {
  return choices.find((choice) => choice === value) ?? otherwise;
}

function textOf(value: string | true | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function enumerate(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}

function suggest(guess: string | undefined): string {
  return guess === undefined ? '.' : `; did you mean '${guess}'?`;
}

/** One line, whatever was typed. */
function quote(word: string): string {
  const shown = word.length > 60 ? `${word.slice(0, 60)}...` : word;
  return `'${shown.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')}'`;
}
