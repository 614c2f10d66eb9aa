// The contract of a transport: what a connection needs of a socket, whatever its messages travel by. `ws-socket.ts` and `http/http-socket.ts` keep it for real, a
// simulation in memory; one suite of tests runs on those that are real.

export interface Socket {
  /**
   * Bytes handed over and not yet taken: by the network, or, where a proxy may hold back any number of them, by the client. Outboxes go by it (G2), so it has to fall as the
   * client takes what it gets.
   */
  readonly bufferedBytes: number
  /**
   * Sends one binary message whose content is `parts` in a row. Buffers are not copied and must not be modified afterwards.
   * `onSent` runs once, when the message no longer counts into `bufferedBytes`; never when the socket is gone, which `closed` says.
   */
  send(parts: readonly Uint8Array[], onSent: () => void): void
  /**
   * Has the client show that it is there. `mark` comes back with the pong, which says that everything that was sent before has arrived: a number above 0 names that. This is how a peer's
   * life is judged, whatever shows it: a pong, or a request.
   */
  ping(mark?: number): void
  /** Stops, and starts again, the delivery of messages; what comes meanwhile is pushed back on the client, or waits within bounds. */
  pause(): void
  resume(): void
  /**
   * Ends the connection once what was sent before has been taken: the client hears the code and the reason, which is cut to 123 bytes of UTF-8 where the network cannot carry more. What is sent
   * afterwards is dropped. `closed` follows when the client has answered; whoever does not want to wait terminates.
   */
  close(code: number, reason: string): void
  /** Drops the connection at once. */
  terminate(): void
}

/** What a socket tells its connection. */
export interface SocketEvents {
  /** So many bytes arrived, perhaps of a message that is not complete yet: the client is there. */
  received(bytes: number): void
  /** Something came that is no message and has to be answered, as requests over HTTP have. False: too much of it comes, and this is to be refused. */
  requested?(): boolean
  /** In the order in which they were sent, each once. */
  message(data: Uint8Array): void
  /** A message is larger than may be; nothing is read any more, and the connection has to close the socket. */
  tooLarge?(): void
  /** A text message; its content is not looked at. */
  text(): void
  /** The mark of the ping that it answers, or 0. */
  pong(mark: number): void
  /** Once; nothing follows it. All messages that came before the end were delivered. */
  closed(code: number): void
}
