import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

const AGENT = join(__dirname, 'agent.cjs');

export type Mode = 'threads' | 'processes';

interface Message {
  readonly is: 'ready' | 'blocking' | 'done' | 'failed';
  readonly result?: unknown;
  readonly code?: string;
}

/** A worker or process with an attachment of its own. */
export class Agent {
  private readonly post: (order: unknown[]) => void;
  private readonly end: () => Promise<unknown>;
  private readonly messages: Message[] = [];
  private wake: () => void = () => {};

  private constructor(target: Worker | ChildProcess) {
    const exited = new Promise((done) => target.once('exit', (code, signal) => done(signal ?? code)));
    target.on('message', (message: Message) => {
      this.messages.push(message);
      this.wake();
    });
    target.once('error', (error) => {
      this.messages.push({ is: 'failed', code: String(error) });
      this.wake();
    });
    if (target instanceof Worker) {
      this.post = (order) => target.postMessage(order);
      this.end = () => target.terminate().then(() => exited);
    } else {
      this.post = (order) => void target.send(order);
      this.end = () => {
        target.kill('SIGKILL');
        return exited;
      };
    }
  }

  /** @param still for a ThreadSafePool: whether its clock stands still, by which it sees who does not look any more */
  static async start(mode: Mode, kind: string, handle: object, still = false): Promise<Agent> {
    const setup = { kind, handle, still };
    const agent = new Agent(
      mode === 'threads'
        ? new Worker(AGENT, { workerData: setup })
        : fork(AGENT, { env: { ...process.env, AGENT_SETUP: JSON.stringify(setup) } }),
    );
    await agent.next('ready');
    return agent;
  }

  /** The next message, which must be of that kind. */
  private async next(is: Message['is']): Promise<Message> {
    while (this.messages.length === 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const message = this.messages.shift() as Message;
    if (message.is !== is) throw Object.assign(new Error(`${message.is}: ${message.code}`), { code: message.code });
    return message;
  }

  /** Gives an order and waits for what comes of it; what it throws there has its code here. */
  async do(order: string, ...values: unknown[]): Promise<unknown> {
    this.tell(order, ...values);
    return this.outcome();
  }

  /** Gives an order that takes a while; `outcome()` waits for its end. */
  tell(order: string, ...values: unknown[]): void {
    this.post([order, ...values]);
  }

  async outcome(): Promise<unknown> {
    return (await this.next('done')).result;
  }

  /** Blocks its thread until it has a slot; returns when it is about to. */
  async block(deadlineMs?: number): Promise<void> {
    this.tell('block', deadlineMs);
    await this.next('blocking');
  }

  /** Ends it, whatever it is doing. */
  kill(): Promise<unknown> {
    return this.end();
  }
}
