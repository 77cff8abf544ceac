// The targets of `npm run prebuild`: which tools each needs, where they come from, and how it is compiled and linked.
// linux-x64 is built by node-gyp from binding.gyp; the others are cross-compiled with the flags below, which say
// the same as binding.gyp does.

const WARNINGS = ['-Wall', '-Wextra', '-Werror=return-type', '-Wno-unused-parameter'];

export const DEFINES = [
  'NAPI_VERSION=8',
  'NAPI_DISABLE_CPP_EXCEPTIONS',
  'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  'NODE_ADDON_API_DISABLE_DEPRECATED',
];

const COMPILE = [
  '-O2',
  '-std=c++20',
  '-fPIC',
  '-fvisibility=hidden',
  '-fvisibility-inlines-hidden',
  '-fno-exceptions',
  '-fno-rtti',
  '-fno-threadsafe-statics',
  '-fno-strict-aliasing',
  '-ffunction-sections',
  '-fdata-sections',
  '-U_FORTIFY_SOURCE',
  '-fno-stack-protector',
  ...WARNINGS,
];

export const TARGETS = {
  'linux-x64': {
    os: 'linux',
    machine: 'x86-64',
    tools: ['g++', 'strip', 'make'],
    aptPackages: ['g++', 'make'],
    native: true,
    strip: 'strip',
  },
  'linux-arm64': {
    os: 'linux',
    machine: 'aarch64',
    tools: ['aarch64-linux-gnu-g++', 'aarch64-linux-gnu-strip'],
    aptPackages: ['g++-aarch64-linux-gnu'],
    compiler: 'aarch64-linux-gnu-g++',
    strip: 'aarch64-linux-gnu-strip',
    defines: ['_GLIBCXX_EXTERN_TEMPLATE=0', '_GNU_SOURCE'],
    compile: [...COMPILE, '-mno-outline-atomics'],
    link: (root) => [
      '-shared',
      '-nostdlib',
      `-Wl,--version-script=${root}/native/exports.map`,
      '-Wl,-z,nodelete',
      '-Wl,-z,now',
      '-Wl,-z,relro',
      '-Wl,-z,noexecstack',
      '-Wl,-z,max-page-size=65536',
      '-Wl,--build-id=none',
      '-Wl,--gc-sections',
    ],
    libraries: ['-lgcc'],
  },
  'win32-x64': {
    os: 'win',
    machine: 'x86-64',
    tools: ['x86_64-w64-mingw32-g++-posix', 'x86_64-w64-mingw32-dlltool'],
    aptPackages: ['g++-mingw-w64-x86-64-posix'],
    compiler: 'x86_64-w64-mingw32-g++-posix',
    linker: 'x86_64-w64-mingw32-gcc-posix', // the C driver: no C++ library is linked
    dlltool: 'x86_64-w64-mingw32-dlltool',
    mingw: true,
    defines: [
      'BUILDING_NODE_EXTENSION',
      'HOST_BINARY="node.exe"',
      '_GLIBCXX_EXTERN_TEMPLATE=0',
      'NOMINMAX',
      'WIN32_LEAN_AND_MEAN',
      '_WIN32_WINNT=0x0A00',
    ],
    compile: COMPILE.filter((flag) => flag !== '-fPIC'),
    link: () => [
      // stripped while linking: strip itself would write a time stamp
      '-shared',
      '-static',
      '-s',
      '-Wl,--no-insert-timestamp',
      '-Wl,--image-base,0x180000000',
      '-Wl,--gc-sections',
      '-Wl,--exclude-all-symbols',
    ],
    libraries: ['-lnode_api', '-ldelayimp', '-lpsapi', '-ladvapi32', '-lsynchronization'],
  },
};
