import { checkNative } from './rules/native';
import { onTree, PROJECT } from './rules/tree';

const BASE = {
  'native/core/core.h': '#include <cstdint>\n',
  'native/core/math.h': '\n',
  'native/platform/platform.h': '#include "../core/core.h"\n',
  'native/platform/linux/pages.cc': '#include <sys/mman.h>\n#include "../platform.h"\n',
  'native/region/region.h': '#include "platform/platform.h"\n',
  'native/binding/addon.cc': '#include <napi.h>\n#include "../region/region.h"\n',
};

describe('the layers of native/', () => {
  test('hold in this checkout', () => {
    expect(checkNative(PROJECT)).toEqual([]);
  });

  test('accept lower layers through their header', () => {
    expect(onTree(BASE, checkNative)).toEqual([]);
  });

  test.each([
    ['a higher layer', 'native/core/a.cc', '#include "../region/region.h"', 'core may not know region'],
    ['a way past the header', 'native/region/a.cc', '#include "../core/math.h"', 'go through native/core/core.h'],
    ['an OS header', 'native/region/a.cc', '#include <sys/mman.h>', 'OS headers stand only under native/platform/'],
    ['a Windows header', 'native/core/a.cc', '#include <Windows.h>', 'OS headers stand only under native/platform/'],
    ['Node-API below the binding', 'native/region/a.cc', '#include <napi.h>', 'only under native/binding/'],
    ['quoted Node-API', 'native/platform/a.cc', '#include "node_api.h"', 'only under native/binding/'],
    ['an OS macro', 'native/platform/linux/a.cc', '#if defined(__linux__)', 'asks __linux__'],
    ['a file in no layer', 'native/misc/a.cc', 'int a;', 'is in no layer'],
  ])('find %s', (_, file, line, message) => {
    const found = onTree({ ...BASE, [file]: `${line}\n` }, checkNative);
    expect(found).toEqual([expect.stringContaining(message)]);
    expect(found[0]).toMatch(`${file}:1 `);
  });
});
