// The lanes as the mutants run them: only the part that is aimed at. `binary` and `dist` say what must be built anew
// from the sources before the lane sees them.

const native = (lane) => ({
  command: ['test/native/run.mjs', '--require', '--only', lane, '--seconds', '10'],
  binary: false,
  dist: false,
});

export const LANES = {
  vm: { command: ['test/vm/run.mjs', 'two-nodes'], binary: true, dist: true },
  lifecycle: {
    command: ['--expose-gc', 'node_modules/jest/bin/jest.js', 'test/lifecycle/letting-go.test.ts'],
    binary: true,
    dist: true,
  },
  soak: {
    command: ['--expose-gc', 'test/soak/soak.mjs', '--regions', '2000', '--seed', '3', '--workers', '1'],
    binary: true,
    dist: true,
  },
  'core under ASan': native('core under ASan'),
  'core under valgrind': native('core under valgrind'),
  'core under TSan': native('core under TSan'),
  'fuzz arithmetic': native('fuzz arithmetic'),
  'fuzz operations': native('fuzz operations'),
};
