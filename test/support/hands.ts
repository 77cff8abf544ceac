import { fork } from 'node:child_process';
import { Worker } from 'node:worker_threads';

export type Mode = 'threads' | 'processes';

/** A thread or process that works for a test until it is told to stop, or killed. */
export interface Hand {
  readonly id: number;
  readonly pid: number | undefined;
  /** Ends it whatever it does; resolves with the signal that ended it, 'terminated' for a worker. */
  kill(): Promise<string>;
  /** Stops a process with SIGSTOP; nothing for a thread. */
  stop(): void;
  readonly ended: Promise<string>;
}

/** Starts `file`, which finds `setup` in workerData or in MEMBER_SETUP, and resolves with its first message. */
export function startHand(file: string, mode: Mode, id: number, setup: object): Promise<Hand> {
  return mode === 'threads' ? thread(file, id, setup) : childProcess(file, id, setup);
}

function thread(file: string, id: number, setup: object): Promise<Hand> {
  const worker = new Worker(file, { workerData: setup });
  const ended = new Promise<string>((done) => worker.once('exit', (code) => done(code === 1 ? 'terminated' : 'ended')));
  const kill = (): Promise<string> => worker.terminate().then(() => ended);
  return new Promise((done, fail) => {
    worker.once('error', fail);
    worker.once('message', () => done({ id, pid: undefined, kill, stop: () => {}, ended }));
  });
}

function childProcess(file: string, id: number, setup: object): Promise<Hand> {
  const child = fork(file, { env: { ...process.env, MEMBER_SETUP: JSON.stringify(setup) } });
  const ended = new Promise<string>((done) =>
    child.once('exit', (code, signal) => done(signal ?? (code === 0 ? 'ended' : `exit ${code}`))),
  );
  const kill = (): Promise<string> => {
    child.kill('SIGKILL');
    return ended;
  };
  return new Promise((done, fail) => {
    void ended.then((how) => fail(new Error(how)));
    child.once('message', () => done({ id, pid: child.pid, kill, stop: () => void child.kill('SIGSTOP'), ended }));
  });
}
