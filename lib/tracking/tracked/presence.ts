/** A stretch of a test: everything that is allocated in it must be freed in it. */
export interface PresenceScope extends Disposable {
  /**
   * Ends the stretch. May be called again: then it does nothing.
   *
   * @throws ERR_MEMORY_INVALID_STATE with the places that allocated what is left
   */
  leave(): void;
}
