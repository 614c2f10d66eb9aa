// What the gateway needs of a socket. The `ws` adapter implements it for real; a simulation implements it in memory.

export interface Socket {
  /** Bytes handed over and not yet taken by the network. */
  readonly bufferedBytes: number
  /**
   * Sends one binary message whose content is `parts` in a row. Buffers are not copied and must not be modified afterwards.
   * `onSent` runs when the message has been handed to the network, or the socket is gone.
   */
  send(parts: readonly Uint8Array[], onSent: () => void): void
  /** `mark` comes back with the pong: a number above 0 names what was sent before it. */
  ping(mark?: number): void
  /** Stops, and starts again, the delivery of messages; TCP pushes back on the client meanwhile. */
  pause(): void
  resume(): void
  /** Starts the close handshake. `reason` is cut to 123 bytes of UTF-8. */
  close(code: number, reason: string): void
  /** Drops the connection at once. */
  terminate(): void
}

/** What a socket tells its connection. */
export interface SocketEvents {
  /** Bytes arrived, perhaps of a message that is not complete yet. */
  received(): void
  message(data: Uint8Array): void
  /** A message is larger than may be; nothing is read any more, and the connection has to close the socket. */
  tooLarge?(): void
  /** A text message; its content is not looked at. */
  text(): void
  /** The mark of the ping that it answers, or 0. */
  pong(mark: number): void
  /** Once; nothing follows it. */
  closed(code: number): void
}
