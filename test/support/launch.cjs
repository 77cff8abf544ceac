// For stress tests whose members are killed at random moments.
const { fork } = require('node:child_process');
const { Worker } = require('node:worker_threads');

/**
 * Starts a worker or a process with a setup; `ended` gives its error or null, and `kill` ends it at any instruction.
 *
 * @param {string} file the file that it runs
 * @param {'threads' | 'processes'} mode
 */
function launch(file, mode, setup) {
  if (mode === 'threads') {
    const worker = new Worker(file, { workerData: setup });
    const ended = new Promise((done) => {
      worker.once('error', (error) => done(error));
      worker.once('exit', () => done(null));
    });
    return { setup, ended, kill: () => worker.terminate() };
  }
  const child = fork(file, {
    env: { ...process.env, STRESS_SETUP: JSON.stringify(setup) },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let text = '';
  child.stderr.on('data', (piece) => {
    text += piece;
  });
  const ended = new Promise((done) => {
    child.once('exit', (code, signal) =>
      done(code === 0 || signal === 'SIGKILL' ? null : new Error(`exit ${code} ${signal}: ${text}`)),
    );
  });
  const kill = () => {
    child.kill('SIGKILL');
    return ended;
  };
  return { setup, ended, kill };
}

module.exports = { launch };
