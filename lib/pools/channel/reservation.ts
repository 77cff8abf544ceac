import { checkInteger, memoryError, notForUsers } from '../../core';

/** What a reservation asks of its sender. */
export interface ReservationKeeper {
  readonly name: string;
  /** The bytes of a cell. */
  window(index: number, byteLength: number): Uint8Array;
  finish(index: number, word: number, byteLength: number): void;
  cancel(index: number, word: number): void;
  /** False after close(). */
  readonly isOpen: boolean;
}

/**
 * A place in the channel, to be written in place. Messages behind it are received after it only, so it is to be committed
 * or canceled soon; `using` cancels what was not committed.
 */
export class ChannelReservation implements Disposable {
  /** How many bytes `bytes` has. */
  readonly byteLength: number;
  private readonly keeper: ReservationKeeper;
  private readonly index: number;
  private readonly word: number;
  private window: Uint8Array | undefined;
  private done = false;

  /** Made by reserve() of a sender. */
  constructor(keeper: ReservationKeeper, index: number, word: number, byteLength: number) {
    if (typeof (keeper as Partial<ReservationKeeper> | null | undefined)?.finish !== 'function') {
      throw notForUsers('ChannelReservation', 'reserve() or tryReserve() of a sender');
    }
    this.keeper = keeper;
    this.index = index;
    this.word = word;
    this.byteLength = byteLength;
  }

  /** The place itself; what stands there is of an earlier message. @throws ERR_MEMORY_INVALID_STATE, ERR_MEMORY_CLOSED */
  get bytes(): Uint8Array {
    this.need('bytes');
    this.window ??= this.keeper.window(this.index, this.byteLength);
    return this.window;
  }

  /**
   * Sends the first `byteLength` bytes (default all). The view may not be written to afterwards.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for more than was reserved, ERR_MEMORY_INVALID_STATE the second time, ERR_MEMORY_CLOSED
   */
  commit(byteLength: number = this.byteLength): void {
    this.need('commit');
    checkInteger('ChannelReservation.commit: byteLength', byteLength, 0, this.byteLength);
    this.done = true;
    this.keeper.finish(this.index, this.word, byteLength);
  }

  /** Gives the place up; no message is sent. @throws as commit() */
  cancel(): void {
    this.need('cancel');
    this.done = true;
    this.keeper.cancel(this.index, this.word);
  }

  /** Cancels unless committed or canceled. */
  [Symbol.dispose](): void {
    if (!this.done && this.keeper.isOpen) this.cancel();
  }

  private need(method: string): void {
    if (!this.keeper.isOpen) {
      throw memoryError('ERR_MEMORY_CLOSED', `ChannelReservation.${method}: the sender is closed`, {
        source: this.keeper.name,
      });
    }
    if (!this.done) return;
    throw memoryError('ERR_MEMORY_INVALID_STATE', `ChannelReservation.${method}: committed or canceled before`, {
      source: this.keeper.name,
    });
  }
}
