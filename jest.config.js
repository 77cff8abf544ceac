// Two cores, never worker threads: a native crash must end one child process and not the whole run.
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // Far more than any test takes: what a loaded machine delays has not failed.
  testTimeout: 180_000,
  maxWorkers: 2,
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/build', '<rootDir>/test/nodes/node_modules/'],
  testPathIgnorePatterns: ['/node_modules/'],
  // No watchman, no coverage by default: plain runs start at once.
  watchman: false,
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        module: { type: 'commonjs' },
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      },
    ],
  },
};
