// Writes into a session's awareness states who the session is, as authorization knows it: nobody passes for somebody else by a cursor.
import { encodeUtf8 } from 'lib0/string'

/** Who a session is, as far as authorization knows. */
export interface SpeakerIdentity {
  readonly user: string | null
  /** For people; null when there is none. */
  readonly name: string | null
}

/**
 * A state as others get it. `said` is what `state` says, parsed. `said[field]` gets the `id` and `name` of the user, whatever the client
 * put there, and keeps what else there is, such as a colour; of a user without a name the id stands in its place. Where there is no user a
 * claimed `id` is taken out. States that are no objects have no room for it, and stay as they are.
 */
export function stampedState(state: Uint8Array, said: unknown, field: string, { user, name }: SpeakerIdentity): Uint8Array {
  if (!isRecord(said)) return state
  const claimed = said[field]
  const claims = isRecord(claimed) ? claimed : {}
  if (user !== null) return encodeUtf8(JSON.stringify({ ...said, [field]: { ...claims, id: user, name: name ?? user } }))
  const { id: _, ...rest } = claims
  // Of a key that stands twice, readers may take the first: what was parsed is what goes out.
  return encodeUtf8(JSON.stringify(isRecord(claimed) ? { ...said, [field]: rest } : said))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
