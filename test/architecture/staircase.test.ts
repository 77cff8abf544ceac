import { checkSingleLoader, checkStaircase } from './rules/staircase';
import { onTree, PROJECT } from './rules/tree';

const INDEX = 'export {};\n';

describe('the staircase rule of lib/', () => {
  test('holds in this checkout', () => {
    expect(checkStaircase(PROJECT)).toEqual([]);
  });

  test('accepts lower steps through their index, and files of the same folder', () => {
    const files = {
      'lib/core/index.ts': "export * from './units';\n",
      'lib/core/units.ts': INDEX,
      'lib/platform/index.ts': "export * from './native/load';\n",
      'lib/platform/native/load.ts': "import { x } from '../../core';\nimport fs from 'node:fs';\n",
      'lib/index.ts': "export * from './core';\nexport * from './platform/index';\n",
    };
    expect(onTree(files, checkStaircase)).toEqual([]);
  });

  test.each([
    ['a higher step', "import { a } from '../platform';", 'step 0 may not know step 1'],
    ['a dynamic import of a higher step', "const a = await import('../platform');", 'step 0 may not know step 1'],
    ['a require of a higher step', "const a = require('../platform');", 'step 0 may not know step 1'],
    ['a type import of a higher step', "import type { a } from '../platform';", 'step 0 may not know step 1'],
    ['a re-export of a higher step', "export {\n  a,\n} from '../platform';", 'step 0 may not know step 1'],
    ['a side effect of a higher step', "import '../platform';", 'step 0 may not know step 1'],
    ['a file outside lib', "import { a } from '../../test/a';", 'outside lib/'],
    ['the root', "import { a } from '../index';", 'the root is the top step'],
    ['a file that is not there', "import { a } from './nowhere';", 'does not exist'],
  ])('finds %s', (_, line, message) => {
    const files = {
      'lib/core/index.ts': `// a comment: import { a } from '../cli';\n${line}\n`,
      'lib/platform/index.ts': INDEX,
      'lib/index.ts': INDEX,
      'test/a.ts': INDEX,
    };
    expect(onTree(files, checkStaircase)).toEqual([expect.stringMatching(`^lib/core/index.ts:2 .*${message}`)]);
  });

  test('finds a neighbor on the same step', () => {
    const files = { 'lib/pools/index.ts': "import { a } from '../caches';\n", 'lib/caches/index.ts': INDEX };
    expect(onTree(files, checkStaircase)).toEqual([expect.stringContaining('lib/pools/index.ts:1')]);
  });

  test('finds a way past the index of a lower step', () => {
    const files = {
      'lib/platform/a.ts': "import { a } from '../core/units';\n",
      'lib/core/units.ts': INDEX,
      'lib/core/index.ts': INDEX,
    };
    expect(onTree(files, checkStaircase)).toEqual([expect.stringContaining('go through lib/core/index.ts')]);
  });

  test('finds a folder without a step', () => {
    expect(onTree({ 'lib/misc/index.ts': INDEX }, checkStaircase)).toEqual([
      expect.stringContaining('lib/misc:1 has no step'),
    ]);
  });

  test('finds a cycle between files', () => {
    const files = {
      'lib/core/a.ts': "import { b } from './b';\n",
      'lib/core/b.ts': "import { c } from './c';\n",
      'lib/core/c.ts': "\nimport type { a } from './a';\n",
    };
    expect(onTree(files, checkStaircase)).toEqual([
      'lib/core/a.ts:1 is in an import cycle: lib/core/a.ts -> lib/core/b.ts -> lib/core/c.ts -> lib/core/a.ts',
    ]);
  });
});

describe('the single loader', () => {
  test('holds in this checkout', () => {
    expect(checkSingleLoader(PROJECT)).toEqual([]);
  });

  test('finds a second one', () => {
    const files = {
      'lib/core/a.ts': "const native = require('./build/addon.node');\n",
      'lib/core/b.ts': '// a comment may name addon.node\nprocess.dlopen(module, file);\n',
      'lib/platform/native/load.ts': "require('x.node');\n",
    };
    expect(onTree(files, checkSingleLoader)).toEqual([
      expect.stringContaining('lib/core/a.ts:1'),
      expect.stringContaining('lib/core/b.ts:2'),
    ]);
  });
});
