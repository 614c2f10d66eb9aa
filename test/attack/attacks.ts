// All attacks, by name.
import { connectionAttacks } from './connection-attacks.js'
import { documentAttacks } from './document-attacks.js'
import type { Attack } from './scene.js'
import { socketAttacks } from './socket-attacks.js'

export const attacks: Readonly<Record<string, Attack>> = { ...documentAttacks, ...socketAttacks, ...connectionAttacks }
