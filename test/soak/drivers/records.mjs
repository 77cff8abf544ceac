// What is built on arenas, against its counterpart in JavaScript: records, lists, texts and maps.

const LAYOUT = {
  id: 'u32',
  at: 'f64',
  alive: 'bool',
  big: 'i64',
  name: { string: 16 },
  rgb: { array: 'u8', length: 3 },
  position: { record: { x: 'f32', y: 'i16' } },
};

function typedDriver(world) {
  const { TypedArena } = world.lib;
  let arena = null;
  let due = [];
  let ended = 0;

  const values = () => {
    const id = world.next();
    return {
      id,
      at: id / 3,
      alive: id % 2 === 0,
      big: -BigInt(id),
      name: `n${id % 100_000}`,
      position: { x: id % 1000, y: id % 100 },
    };
  };
  function compare(record, { id, at, alive, big, name, position }) {
    const { x, y } = record.position;
    if (
      record.id !== id ||
      record.at !== at ||
      record.alive !== alive ||
      record.big !== big ||
      record.name !== name ||
      x !== position.x ||
      y !== position.y
    ) {
      throw new Error(`typed arena: a record holds ${record.id} ${record.name}, written was ${id} ${name}`);
    }
  }
  function clear() {
    const before = due;
    ended = 0;
    due = [];
    arena.reset();
    if (ended !== before.length) throw new Error(`typed arena: ${ended} hooks ran for ${before.length} records`);
    const stale = before[0]?.record;
    if (stale?.valid) throw new Error('typed arena: a record is valid after reset()');
  }
  return {
    step() {
      if (arena === null) {
        const options = {
          chunkRecords: 1 + (world.next() % 64),
          limitBytes: '1MiB',
          onReset: world.pick(['reuse', 'detach']),
        };
        const onDispose = (record) => {
          compare(record, due.at(-1 - ended)?.init ?? record);
          ended += 1;
        };
        arena = world.met(world.attempt(() => new TypedArena(LAYOUT, { ...options, onDispose })) ?? null);
      }
      if (arena === null) return;
      world.attempt(() => {
        const choice = world.next() % 20;
        if (choice < 14 && due.length < 500) {
          const init = values();
          const record = arena.tryAlloc(init);
          if (record !== undefined) due.push({ record, init });
        } else if (choice < 17 && due.length > 0) {
          const item = world.pick(due);
          item.init = values();
          Object.assign(item.record, item.init);
        } else if (choice === 17 && due.length > 0) {
          const { record, init } = world.pick(due);
          compare(arena.at(record.offset), init);
        } else if (choice === 18 && world.chance(20)) {
          const before = arena.generation;
          try {
            clear();
          } catch (error) {
            // The pages of a chunk could not be moved: the hooks have run, and the records are there.
            if (arena.generation === before) world.unarmed(() => arena.reset());
            throw error;
          }
        } else arena.trim();
      });
    },
    check() {
      if (arena === null) return;
      for (const { record, init } of due) compare(record, init);
      let count = 0;
      arena.forEach((record) => {
        compare(record, due[count].init);
        count += 1;
      });
      if (count !== due.length) throw new Error(`typed arena: ${count} records, ${due.length} made`);
    },
    rest() {
      if (arena === null) return;
      this.check();
      ended = 0;
      arena.dispose();
      if (ended !== due.length)
        throw new Error(`typed arena: ${ended} hooks ran at dispose() for ${due.length} records`);
      due = [];
      arena = null;
    },
  };
}

/** A slice of records has no hook of its own: an arena without them. */
function sliceDriver(world) {
  const { TypedArena } = world.lib;
  let arena = null;
  let slices = [];
  const look = ({ slice, mark }) => {
    for (let i = 0; i < slice.length; i++) {
      if (slice.at(i).id !== (mark + i) >>> 0) throw new Error(`slice: record ${i} of ${mark} holds ${slice.at(i).id}`);
    }
  };
  return {
    step() {
      arena ??= world.attempt(() => new TypedArena({ id: 'u32', more: 'u8' }, { limitBytes: '512KiB' })) ?? null;
      if (arena === null) return;
      world.attempt(() => {
        if (slices.length < 50 && world.chance(80)) {
          const slice = world.met(arena.allocSlice(1 + (world.next() % 200)));
          const mark = world.next();
          for (let i = 0; i < slice.length; i++) slice.at(i).id = (mark + i) >>> 0;
          slices.push({ slice, mark });
        } else {
          slices = [];
          arena.reset();
        }
      });
    },
    check() {
      slices.forEach(look);
    },
    rest() {
      this.check();
      arena?.dispose();
      arena = null;
      slices = [];
    },
  };
}

/** A list, a text and a map that grow in one arena, in each other's way. */
function collectionDriver(world) {
  const { Arena, ArenaMap, ArenaString, ArenaVec } = world.lib;
  let arena = null;
  let list;
  let numbers;
  let text;
  let words;
  let map;
  let entries;

  function open() {
    arena = new Arena('16KiB', { limitBytes: '1MiB', maxChunkBytes: '128KiB' });
    fresh();
  }
  function fresh() {
    list = null; // should one of them not be made, all are made anew
    text = world.met(new ArenaString(arena, 'begin'));
    map = world.met(new ArenaMap(arena, { keys: 'string', values: 'f64' }));
    list = world.met(new ArenaVec(arena, 'f64'));
    [numbers, words, entries] = [[], 'begin', new Map()];
  }
  const acts = [
    () => {
      const number = world.next() / 7;
      list.push(number);
      numbers.push(number);
    },
    () => {
      const more = Array.from({ length: world.next() % 50 }, () => world.next());
      list.extend(more);
      numbers.push(...more);
    },
    () => {
      if (numbers.length > 0 && list.pop() !== numbers.pop())
        throw new Error('ArenaVec: another value than was pushed');
    },
    () => {
      const length = world.next() % (numbers.length + 1);
      list.truncate(length);
      numbers.length = length;
    },
    () => {
      const more = world.pick(['a', 'ä€', '😀', 'a longer piece of text']);
      text.append(more);
      words += more;
    },
    () => {
      const key = `key ${world.next() % 300}`;
      const value = world.next();
      map.set(key, value);
      entries.set(key, value);
    },
    () => {
      const key = `key ${world.next() % 300}`;
      if (map.delete(key) !== entries.delete(key)) throw new Error(`ArenaMap: ${key} was there or not`);
    },
    () => {
      const key = `key ${world.next() % 300}`;
      if (map.get(key) !== entries.get(key))
        throw new Error(`ArenaMap: ${key} is ${map.get(key)}, set was ${entries.get(key)}`);
    },
    () => arena.tryAllocate(1 + (world.next() % 500)), // something in the way
  ];
  return {
    step() {
      world.attempt(() => {
        if (arena === null) open();
        else if (list === null || world.chance(1)) {
          const before = list;
          arena.reset();
          if (before?.valid) throw new Error('ArenaVec: it is valid after a reset');
          fresh();
        } else world.pick(acts)();
      });
      // A full arena refuses growth, and so does one that a fault kept from its next chunk: all begins again.
      if (arena !== null && list !== null && arena.usedBytes > 700_000) {
        arena.reset();
        list = null;
      }
    },
    check() {
      if (arena === null || list === null) return;
      if (list.length !== numbers.length || numbers.some((number, i) => list.get(i) !== number)) {
        throw new Error('ArenaVec: it holds other numbers than were pushed');
      }
      if (text.toString() !== words) throw new Error('ArenaString: it holds another text than was appended');
      if (JSON.stringify([...map]) !== JSON.stringify([...entries]))
        throw new Error('ArenaMap: it holds other entries than were set');
    },
    rest() {
      if (arena === null) return;
      this.check();
      arena[Symbol.dispose]();
      if (list?.valid) throw new Error('ArenaVec: it is valid after dispose()');
      arena = null;
      list = null;
    },
  };
}

export const recordDrivers = [
  { name: 'typed arena', drives: ['TypedArena'], make: typedDriver },
  { name: 'slices of records', drives: ['RecordSlice'], needs: ['TypedArena'], make: sliceDriver },
  { name: 'collections', drives: ['ArenaMap', 'ArenaString', 'ArenaVec'], needs: ['Arena'], make: collectionDriver },
];
