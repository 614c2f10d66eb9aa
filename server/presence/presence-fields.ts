// What a node writes down in Redis about its part of the presence: one field per document, and one per user, in hashes shared by all nodes.
//
//   <prefix>:{<shard>}:p:<document id>   field "<boot>/<node id>" → {"sessions": n, "total": n, "clients": [[client id, user, state], …]}
//   <prefix>:{<shard>}:u:<user>          field "<boot>/<node id>" → [[document id, sessions], …]
//   (each value under the cluster's seal, and <prefix> with the cluster's tag: see cluster-seal.ts)
//   <prefix>:{nodes}:n:<boot>/<node id>  exists while that start of the node lives; fields of others do not count
import { shardOf } from '../../core/document-id.js'
import type { Origin } from '../awareness/bus.js'
import type { DocumentAwareness } from '../awareness/document-awareness.js'
import { CLIENTS_MAX, type ClientPresence, type UserConnection } from './presence-registry.js'

/** The states of one field; clients past it are listed without theirs. */
const STATE_BYTES_MAX = 64 * 1024
const DOCUMENTS_PER_USER_MAX = 1_000

const utf8 = new TextDecoder()

export interface PresenceField {
  readonly sessionCount: number
  readonly clientCount: number
  readonly clients: readonly ClientPresence[]
}

export function documentKey(prefix: string, documentId: string): string {
  return `${prefix}:{${shardOf(documentId)}}:p:${documentId}`
}

export function userKey(prefix: string, user: string): string {
  return `${prefix}:{${shardOf(user)}}:u:${user}`
}

export function nodeKey(prefix: string, field: string): string {
  return `${prefix}:{nodes}:n:${field}`
}

export function fieldOf({ nodeId, boot }: Origin): string {
  return `${boot}/${nodeId}`
}

export function nodeOfField(field: string): string {
  return field.slice(field.indexOf('/') + 1)
}

/** The states are put in as they are, unparsed: they were checked when they came. */
export function encodeDocumentField(document: DocumentAwareness): string {
  const clients: string[] = []
  let total = 0
  let stateBytes = 0
  for (const { clientId, state, binding } of document.live()) {
    if (binding.kind !== 'session') continue
    total += 1
    if (total > CLIENTS_MAX) continue
    stateBytes += state.length
    const text = stateBytes <= STATE_BYTES_MAX ? utf8.decode(state) : 'null'
    clients.push(`[${clientId},${JSON.stringify(binding.session.identity.user)},${text}]`)
  }
  return `{"sessions":${document.sessionCount},"total":${total},"clients":[${clients.join(',')}]}`
}

/** Null for what is not such a field. */
export function decodeDocumentField(field: string, value: string): PresenceField | null {
  const parsed = parsedJson(value)
  if (typeof parsed !== 'object' || parsed === null) return null
  const { sessions, total, clients } = parsed as Record<string, unknown>
  if (typeof sessions !== 'number' || typeof total !== 'number' || !Array.isArray(clients)) return null
  const node = nodeOfField(field)
  const decoded: ClientPresence[] = []
  for (const entry of clients) {
    const [clientId, user, state]: readonly unknown[] = Array.isArray(entry) ? entry : []
    if (typeof clientId === 'number') decoded.push({ clientId, node, user: typeof user === 'string' ? user : null, state: state ?? null })
  }
  return { sessionCount: sessions, clientCount: total, clients: decoded }
}

export function encodeUserField(documents: ReadonlyMap<string, number>): string {
  return JSON.stringify([...documents].slice(0, DOCUMENTS_PER_USER_MAX))
}

/** Empty for what is not such a field. */
export function decodeUserField(field: string, value: string): UserConnection[] {
  const parsed = parsedJson(value)
  const connections: UserConnection[] = []
  for (const entry of Array.isArray(parsed) ? parsed : []) {
    const [documentId, sessionCount]: readonly unknown[] = Array.isArray(entry) ? entry : []
    if (typeof documentId !== 'string' || typeof sessionCount !== 'number') continue
    connections.push({ documentId, node: nodeOfField(field), sessionCount })
  }
  return connections
}

function parsedJson(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text)
    return parsed
  } catch {
    return null
  }
}
