// Arguments that are no arguments.
'use strict';

const { runInNewContext } = require('node:vm');
const { lib, codeOf, codesOf, kinds, nameOf, PAGE } = require('../tools.cjs');

const THROWER = {
  valueOf() {
    throw new Error('valueOf was called');
  },
  toString() {
    throw new Error('toString was called');
  },
};

const NO_SIZES = {
  none: undefined,
  null: null,
  true: true,
  nan: Number.NaN,
  fraction: 1.5,
  negativeFraction: -0.5,
  empty: '',
  word: 'many',
  unit: '1XiB',
  space: ' ',
  hex: '0x10',
  signed: '+-1',
  nul: '1\0MiB',
  symbol: Symbol('size'),
  bigint: 4096n,
  array: [4096],
  object: {},
  thrower: THROWER,
  date: new Date(4096),
  boxed: new Number(4096),
  func: () => 4096,
};
const OUTSIDE = { zero: 0, minus: -1, minusZero: -0, infinity: Number.POSITIVE_INFINITY, beyond: 2 ** 53, far: 1e300 };

function withSizes(sizes) {
  const { Region } = lib();
  const region = Region.map(PAGE);
  const makers = { map: Region.map, shared: Region.shared, secret: Region.secret, remap: (size) => region.remap(size) };
  const found = {};
  for (const [name, make] of Object.entries(makers)) {
    found[name] = kinds(codesOf(Object.entries(sizes).map(([label, size]) => [label, () => make(size)])));
  }
  return { found, intact: region.byteLength === PAGE && region.bytes[0] === 0, regions: lib().memory.totals().regions };
}

exports.noSizes = () => withSizes(NO_SIZES);
exports.sizesOutside = () => withSizes(OUTSIDE);

exports.sizesBeyondTheMachine = () => {
  const { Region, memory } = lib();
  const sizes = { largest: 2 ** 53 - 1, exbibytes: '7PiB', all: 2 ** 47, half: '1PiB' };
  const codes = codesOf(Object.entries(sizes).map(([label, size]) => [label, () => Region.map(size)]));
  const populated = codeOf(() => Region.map('64TiB', { populate: true }));
  const locked = codeOf(() => Region.map('64TiB', { lock: true }));
  return { kinds: kinds(codes), populated, locked, regions: memory.totals().regions };
};

exports.misspeltOptions = () => {
  const { Region } = lib();
  const told = (work, right) => {
    try {
      work();
      return 'none';
    } catch (error) {
      return `${nameOf(error)} ${error.message.includes(`'${right}'`) || error.hint?.includes(right)}`;
    }
  };
  const region = Region.map(PAGE);
  const shared = Region.shared(PAGE);
  return {
    map: told(() => Region.map(PAGE, { populat: true }), 'populate'),
    shared: told(() => Region.shared(PAGE, { nmae: 'x' }), 'name'),
    file: told(() => Region.mapFile('/etc/hostname', { ofset: 0 }), 'offset'),
    secret: told(() => Region.secret(PAGE, { strickt: true }), 'strict'),
    range: told(() => region.zero({ offest: 0 }), 'offset'),
    wait: told(() => shared.wait(0, 1, { timout: 1 }), 'timeout'),
    bind: told(() => region.bind('local', { mov: true }), 'move'),
  };
};

exports.optionsOfWrongShape = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  class Options {}
  const shapes = {
    null: null,
    array: [],
    list: [1],
    instance: new Options(),
    func: () => {},
    text: 'thp',
    number: 1,
    symbol: Symbol('o'),
    map: new Map(),
  };
  const calls = {
    map: (given) => Region.map(PAGE, given),
    shared: (given) => Region.shared(PAGE, given),
    secret: (given) => Region.secret(PAGE, given),
    file: (given) => Region.mapFile('/etc/hostname', given),
    zero: (given) => region.zero(given),
    bind: (given) => region.bind('local', given),
  };
  const found = {};
  for (const [name, call] of Object.entries(calls)) {
    found[name] = kinds(codesOf(Object.entries(shapes).map(([label, given]) => [label, () => call(given)])));
  }
  return found;
};

exports.optionsThatThrow = () => {
  const { Region } = lib();
  const proxy = new Proxy(
    {},
    {
      ownKeys() {
        throw new Error('no keys');
      },
    },
  );
  const getter = {
    get populate() {
      throw new TypeError('no value');
    },
  };
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  return codesOf([
    ['proxy', () => Region.map(PAGE, proxy)],
    ['getter', () => Region.map(PAGE, getter)],
    ['revoked', () => Region.map(PAGE, revoked)],
    ['handle', () => Region.attach(proxy)],
    ['revokedHandle', () => Region.attach(revoked)],
  ]);
};

exports.valuesOfWrongType = () => {
  const { Region, memory } = lib();
  const bad = [
    { populate: 'yes' },
    { populate: 1 },
    { lock: null },
    { strict: 0 },
    { dump: 'false' },
    { fork: 'maybe' },
    { carrier: 'both' },
    { carrier: null },
    { pages: '3MiB' },
    { pages: 4096 },
    { name: '' },
    { name: 'a\0b' },
    { name: 'x'.repeat(300) },
    { name: 5 },
    { guard: 'on' },
    { numa: 'everywhere' },
    { numa: { bind: [] } },
    { numa: { bind: 0, preferred: 0 } },
    { numa: null },
  ];
  const codes = Object.fromEntries(bad.map((options, i) => [i, codeOf(() => Region.map(PAGE, options))]));
  return { kinds: kinds(codes), regions: memory.totals().regions };
};

exports.nodesThatDoNotExist = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  region.bytes[0] = 9;
  const nodes = {
    high: [63],
    far: [1023],
    beyond: [5000],
    negative: [-1],
    fraction: [0.5],
    text: ['0'],
    mixed: [0, 63],
  };
  const codes = codesOf(
    Object.entries(nodes).flatMap(([label, bind]) => [
      [`map ${label}`, () => Region.map(PAGE, { numa: { bind } })],
      [`bind ${label}`, () => region.bind({ bind })],
    ]),
  );
  const migrate = codesOf([63, 5000, -1, 0.5].map((node) => [node, () => region.migrate(node)]));
  return { kinds: kinds({ ...codes, ...migrate }), byte: region.bytes[0] };
};

exports.rangesOutside = () => {
  const { Region } = lib();
  const region = Region.shared(2 * PAGE);
  const ranges = {
    past: { offset: 2 * PAGE + 1 },
    long: { length: 2 * PAGE + 1 },
    both: { offset: PAGE, length: PAGE + 1 },
    wrap: { offset: 2 ** 53 - 1, length: 2 ** 53 - 1 },
    minus: { offset: -1 },
  };
  const methods = ['zero', 'decommit', 'residency', 'lock', 'unlock', 'populate', 'nodes'];
  const codes = {};
  for (const method of methods) {
    for (const [label, range] of Object.entries(ranges))
      codes[`${method} ${label}`] = codeOf(() => region[method](range));
  }
  codes.advise = codeOf(() => region.advise('normal', ranges.past));
  codes.window = codeOf(() => region.window(PAGE, PAGE + 1));
  codes.read = codeOf(() => region.read(2 * PAGE, new Uint8Array(1)));
  codes.write = codeOf(() => region.write(2 * PAGE - 1, new Uint8Array(2)));
  codes.wait = codeOf(() => region.wait(2 * PAGE, 0));
  codes.notify = codeOf(() => region.notify(2 * PAGE - 3));
  return { kinds: kinds(codes), last: region.window(2 * PAGE, 0).length };
};

exports.freeInsideGetters = () => {
  const { Region, memory } = lib();
  const codes = {};
  const freeing = (region) => ({
    get offset() {
      region.free();
      return 0;
    },
    length: PAGE,
  });
  for (const method of ['zero', 'decommit', 'residency', 'lock', 'unlock', 'populate', 'nodes']) {
    const region = Region.map(PAGE);
    region.bytes[0] = 1;
    codes[method] = codeOf(() => region[method](freeing(region)));
  }
  for (const [method, call] of Object.entries({
    advise: (region, range) => region.advise('normal', range),
    bind: (region, range) => region.bind('local', range),
    migrate: (region, range) => region.migrate(0, range),
  })) {
    const region = Region.map(PAGE);
    codes[method] = codeOf(() => call(region, freeing(region)));
  }
  const victim = Region.map(PAGE);
  const made = Region.map(PAGE, {
    get populate() {
      victim.free();
      return true;
    },
  });
  return { kinds: kinds(codes), made: made.state, victim: victim.state, regions: memory.totals().regions };
};

exports.targetsOfReadAndWrite = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  region.bytes.fill(7);
  const freed = Region.map(PAGE);
  const stale = freed.bytes;
  freed.free();
  const lying = new Uint8Array(16);
  Object.defineProperty(lying, 'byteLength', { value: 1e9 });
  const lyingBuffer = new Uint8Array(16);
  Object.defineProperty(lyingBuffer, 'buffer', { get: () => 'no buffer' });
  const bad = {
    none: undefined,
    number: 5,
    text: 'abc',
    array: [1],
    view: new DataView(new ArrayBuffer(8)),
    buffer: new ArrayBuffer(8),
  };
  const codes = codesOf(
    Object.entries(bad).flatMap(([label, target]) => [
      [`read ${label}`, () => region.read(0, target)],
      [`write ${label}`, () => region.write(0, target)],
    ]),
  );
  const odd = codesOf([
    ['stale', () => region.read(0, stale)],
    ['lying', () => region.read(0, lying)],
    ['lyingBuffer', () => region.read(0, lyingBuffer)],
  ]);
  const out = new Uint8Array(new SharedArrayBuffer(16));
  region.read(0, out);
  const wide = new Float64Array(2);
  region.read(8, wide);
  region.write(1, region.bytes.subarray(0, 100)); // overlapping
  return {
    kinds: kinds(codes),
    foreign: Object.values(odd).filter((code) => code.startsWith('foreign')).length,
    shared: out[15],
    wide: new Uint8Array(wide.buffer)[15],
    last: region.bytes[100],
  };
};

exports.otherRealms = () => {
  const { Region } = lib();
  const run = (code) => runInNewContext(code, { Region });
  return {
    options: run(
      "const r = Region.map(4096, { populate: true, carrier: 'local' }); const n = r.bytes.length; r.free(); n",
    ),
    target: run(
      'const r = Region.map(4096); r.bytes[3] = 4; const t = new Uint8Array(8); r.read(0, t); r.free(); t[3]',
    ),
    bad: run('try { Region.map(4096, []); "none" } catch (e) { e.code }'),
    dispose: run('const r = Region.map(4096); r[Symbol.dispose ?? "free"]?.(); r.state'),
  };
};

exports.constructing = () => {
  const { Region } = lib();
  class Sub extends Region {}
  return codesOf([
    ['new', () => new Region()],
    ['symbol', () => new Region(Symbol('make'), {})],
    ['sub', () => new Sub()],
    ['reflect', () => Reflect.construct(Region, [Symbol('make')], Object)],
  ]);
};
