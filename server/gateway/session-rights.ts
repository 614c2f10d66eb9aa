// Who a session is, and what it may do, as it was found out last. Until then it may do nothing.
import type { Permission } from '../../core/permission.js'
import type { Authorization } from '../access/authorize.js'

export class SessionRights {
  #user: string | null = null
  #name: string | null = null
  #permission: Permission = 'read-only'
  #cursor: 'shown' | 'ignored' = 'ignored'
  #speaks: 'heard' | 'refused' = 'refused'

  take({ user, name = null, permission, cursor = true, messages = permission === 'read-write' }: Authorization): void {
    this.#user = user
    this.#name = name
    this.#permission = permission
    this.#cursor = cursor ? 'shown' : 'ignored'
    this.#speaks = messages ? 'heard' : 'refused'
  }

  get user(): string | null {
    return this.#user
  }

  /** As others may see it. */
  get identity(): { readonly user: string | null; readonly name: string | null } {
    return { user: this.#user, name: this.#name }
  }

  get permission(): Permission {
    return this.#permission
  }

  /** Whether its cursor and presence are passed on. */
  get cursor(): 'shown' | 'ignored' {
    return this.#cursor
  }

  /** Whether what it says to others, beside edits, is passed on. */
  get speaks(): 'heard' | 'refused' {
    return this.#speaks
  }
}
