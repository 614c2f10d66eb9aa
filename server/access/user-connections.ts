// How many connections each user has on this node: those over which at least one session of the user's was let in.

export class UserConnections {
  /** Of each user, how many sessions each connection has. */
  readonly #users = new Map<string, Map<number, number>>()

  /** Connections of the user, but for this one. */
  besides(user: string, connectionId: number): number {
    const connections = this.#users.get(user)
    return connections === undefined ? 0 : connections.size - (connections.has(connectionId) ? 1 : 0)
  }

  /** A session was let in. `user` null: nobody knows whose. */
  add(user: string | null, connectionId: number): void {
    if (user === null) return
    const connections = this.#users.get(user) ?? new Map<number, number>()
    this.#users.set(user, connections.set(connectionId, (connections.get(connectionId) ?? 0) + 1))
  }

  /** A session that was let in is gone. */
  delete(user: string | null, connectionId: number): void {
    const connections = user === null ? undefined : this.#users.get(user)
    if (user === null || connections === undefined) return
    const sessions = (connections.get(connectionId) ?? 0) - 1
    if (sessions > 0) connections.set(connectionId, sessions)
    else connections.delete(connectionId)
    if (connections.size === 0) this.#users.delete(user)
  }
}
