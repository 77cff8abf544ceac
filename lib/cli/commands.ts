/** The commands, sections and flags in one table: parsing, help and suggestions are all made from it. */

export interface FlagInfo {
  readonly name: string;
  /** What stands behind it in help; absent for a switch. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly fallback?: string;
  readonly help: string;
}

export interface SectionInfo {
  readonly name: string;
  readonly help: string;
}

export interface CommandInfo {
  readonly name: 'probe' | 'doctor' | 'replay' | 'leaks' | 'config' | 'help';
  readonly usage: string;
  readonly help: string;
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  readonly sections: readonly SectionInfo[];
  /** Words that must follow: in capitals what the user names, else the word itself. */
  readonly operands?: readonly string[];
  readonly flags: readonly FlagInfo[];
}

export const PROGRAM = 'nebula-memory';

export const SECTIONS = [
  { name: 'topology', help: 'the machine as a tree: nodes, CPUs, caches, tiers' },
  { name: 'numa', help: 'nodes, distances, speeds, counters, what this process may use' },
  { name: 'hugepages', help: 'page sizes, pools, transparent huge pages' },
  { name: 'limits', help: 'the effective limit and who set it, control groups, rlimits' },
  { name: 'pressure', help: 'time lost waiting for memory (PSI)' },
  { name: 'process', help: 'resident memory of this process, reconciled' },
  { name: 'capabilities', help: 'each feature: works or not, why, and what would help' },
  { name: 'caches', help: 'CPU caches and memory-side caches' },
] as const satisfies readonly SectionInfo[];

export type SectionName = (typeof SECTIONS)[number]['name'];

const JSON_FLAG = { name: 'json', help: 'JSON with integer bytes; what is unknown is null and has a reason' };
const COMMON_FLAGS: readonly FlagInfo[] = [
  { name: 'sysroot', value: 'DIR', fallback: '/', help: 'read a copied machine: DIR holds its proc and sys' },
  { name: 'bytes', help: 'exact bytes instead of KiB, MiB, GiB (powers of 1024)' },
  {
    name: 'color',
    value: 'WHEN',
    choices: ['auto', 'always', 'never'],
    fallback: 'auto',
    help: 'auto, always or never',
  },
  { name: 'width', value: 'COLUMNS', fallback: 'of the terminal; 80 in a pipe', help: '20 to 1000 columns' },
  { name: 'quiet', help: 'facts only: no hints and no fixes' },
  { name: 'help', help: 'this text' },
];

/** What `replay` can play a log on. */
export const REPLAY_ALLOCATORS = ['bump', 'stack', 'block', 'heap', 'system'] as const;

export type ReplayAllocator = (typeof REPLAY_ALLOCATORS)[number];

/** The presets of MemoryConfig, which is not loaded for them; a test compares. */
export const CONFIG_PRESETS = [
  ...(['production', 'debug', 'performance', 'low_memory', 'single_node_small', 'fleet', 'embedded'] as const),
];

export const COMMANDS: readonly CommandInfo[] = [
  {
    name: 'probe',
    usage: 'probe [section] [flags]',
    help: 'show the memory of this machine and this process; without a section, a summary',
    examples: [
      ['probe', 'what there is, on one screen'],
      ['probe limits', 'how much this process may take, and who says so'],
      ['probe numa --bytes', 'nodes and distances, sizes exact'],
      ['probe --json', 'everything, for programs'],
      ['probe --sysroot ./copy topology', "another machine's copied proc and sys"],
    ],
    sections: SECTIONS,
    flags: [JSON_FLAG, ...COMMON_FLAGS],
  },
  {
    name: 'doctor',
    usage: 'doctor [flags]',
    help: 'check what makes memory slow, small or deadly, with the command that fixes it',
    examples: [
      ['doctor', 'every check with its evidence'],
      ['doctor --quiet', 'only what is wrong'],
      ['doctor --fail-on warn', 'exit code 3 from the first warning on'],
    ],
    sections: [],
    flags: [
      {
        name: 'fail-on',
        value: 'LEVEL',
        choices: ['warn', 'error'],
        fallback: 'error',
        help: 'warn or error: exit with 3 when a finding is as bad',
      },
      JSON_FLAG,
      ...COMMON_FLAGS.filter((flag) => flag.name !== 'quiet'),
      { name: 'quiet', help: 'only warnings and failures' },
    ],
  },
  {
    name: 'replay',
    usage: 'replay FILE [flags]',
    help: 'play a recorded log of allocations on an allocator and compare the counters',
    examples: [
      ['replay app.csv', 'on the allocator that it was recorded with'],
      ['replay app.csv --allocator heap --capacity 256MiB', 'what a heap would have done'],
      ['replay app.csv --check', 'exit code 3 when a counter differs from the recorded one'],
    ],
    sections: [],
    operands: ['FILE'],
    flags: [
      {
        name: 'allocator',
        value: 'KIND',
        choices: REPLAY_ALLOCATORS,
        fallback: 'the recorded one, else heap',
        help: 'bump, stack, block, heap or system',
      },
      { name: 'capacity', value: 'SIZE', fallback: 'the recorded one, else what the log needs', help: 'its memory' },
      { name: 'block', value: 'SIZE', fallback: 'the largest request', help: 'size of the blocks of block' },
      { name: 'check', help: 'exit with 3 when a counter differs from the recorded one' },
      JSON_FLAG,
      ...COMMON_FLAGS.filter((flag) => flag.name !== 'sysroot'),
    ],
  },
  {
    name: 'leaks',
    usage: 'leaks diff BEFORE AFTER [flags]',
    help: 'compare two leak reports of a TrackedAllocator by place, what grew first',
    examples: [
      ['leaks diff before.json after.json', 'which code holds more than before'],
      ['leaks diff before.json after.json --json', 'the same, for programs'],
    ],
    sections: [],
    operands: ['diff', 'BEFORE', 'AFTER'],
    flags: [JSON_FLAG, ...COMMON_FLAGS.filter((flag) => flag.name !== 'sysroot')],
  },
  {
    name: 'config',
    usage: 'config [flags]',
    help: 'show every setting of the package, its value here and who said it',
    examples: [
      ['config', 'as a service started in this folder would have it'],
      ['config --file memory.toml --preset production', 'of a file and a preset'],
      ['config --explain arena.chunkBytes', 'what one setting means and who says what of it'],
    ],
    sections: [],
    flags: [
      { name: 'file', value: 'FILE', fallback: 'memory.toml or memory.json here, if there is one', help: 'the file' },
      {
        name: 'preset',
        value: 'NAME',
        choices: CONFIG_PRESETS,
        fallback: 'none',
        help: 'values for what nobody says otherwise; a file or variable may name another',
      },
      { name: 'explain', value: 'FIELD', help: 'only this field, by its path or its variable' },
      JSON_FLAG,
      ...COMMON_FLAGS.filter((flag) => flag.name !== 'sysroot'),
    ],
  },
  {
    name: 'help',
    usage: 'help [command]',
    help: 'explain a command',
    examples: [['help doctor', 'the flags of doctor']],
    sections: [],
    flags: COMMON_FLAGS.filter((flag) => ['color', 'width', 'help'].includes(flag.name)),
  },
];

export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, 'done'],
  [1, 'it failed while running'],
  [2, 'wrong usage'],
  [3, 'doctor found something as bad as --fail-on, replay --check a difference, leaks diff growth'],
  [4, 'not to be had on this machine'],
];
