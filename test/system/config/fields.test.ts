import { CONFIG_FIELDS, type ConfigInput, type ConfigPath, type MemoryConfig } from '../../../lib/system/config';
import { PROBES } from './probes';
import { load, toToml } from './support';

// Every field, in each way it can be set, seen in something that runs.

type Way = (path: ConfigPath, sample: number | string | boolean, beside: ConfigInput) => MemoryConfig;

function treeOf(path: string, value: number | string | boolean): ConfigInput {
  const [section = '', name = ''] = path.split('.');
  return { [section]: { [name]: value } };
}

function merge(a: ConfigInput, b: ConfigInput): ConfigInput {
  const sections = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof ConfigInput>;
  return Object.fromEntries([...sections].map((section) => [section, { ...a[section], ...b[section] }]));
}

const WAYS: Readonly<Record<string, Way>> = {
  'a variable': (path, sample, beside) => {
    const field = CONFIG_FIELDS.find((one) => one.path === path);
    return load({ env: { [field?.env ?? '']: String(sample) }, code: beside });
  },
  'a TOML file': (path, sample, beside) =>
    load({ text: toToml(treeOf(path, sample)), file: 'memory.toml', code: beside }),
  'a JSON file': (path, sample, beside) =>
    load({ text: JSON.stringify(treeOf(path, sample)), file: 'memory.json', code: beside }),
  code: (path, sample, beside) => load({ code: merge(beside, treeOf(path, sample)) }),
};

describe.each(CONFIG_FIELDS.map(({ path }) => path))('%s', (path) => {
  const { sample, beside = {}, see, seen } = PROBES[path];

  test.each(Object.entries(WAYS))('set by %s reaches what it names', (_, set) => {
    expect(see(set(path, sample, beside))).toEqual(seen);
  });

  test('is not seen where nobody sets it', () => {
    let unset: unknown;
    try {
      unset = see(load({ code: beside }));
    } catch (error) {
      unset = error;
    }
    expect(unset).not.toEqual(seen);
  });
});
