// Reads server-sent events from a fetched body: `EventSource` is not in Node, sets no header, and hides what it was refused with.
import type { HttpRecord, RecordKind } from '../../protocol/http-frames.js'

/** Tells the records of a stream, to its end. `read` is told how many bytes came. Rejects when the stream breaks. */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  read: (bytes: number) => void,
  tell: (record: HttpRecord) => void,
): Promise<void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  // Text of an event that is not whole, in the pieces in which it came.
  let pieces: string[] = []
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    read(value.length)
    const events = decoder.decode(value, { stream: true }).split('\n\n')
    pieces.push(events[0] ?? '')
    // The separator itself may come in two pieces.
    if (events.length === 1 && !(pieces.at(-2)?.endsWith('\n') && pieces.at(-1)?.startsWith('\n'))) continue
    const texts = [pieces.join(''), ...events.slice(1)].join('\n\n').split('\n\n')
    pieces = [texts.pop() ?? '']
    for (const text of texts) {
      const record = recordOf(text)
      if (record !== null) tell(record)
    }
  }
}

/** Null for the first event, and for comments. */
function recordOf(text: string): HttpRecord | null {
  let name = 'message'
  let data = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('event:')) name = line.slice(6).trim()
    else if (line.startsWith('data:')) data += line.slice(5).trim()
    else if (line !== '' && !line.startsWith(':')) return null
  }
  if (name === 'message' && data !== '')
    return { kind: 'message', content: Uint8Array.from(atob(data), (character) => character.charCodeAt(0)) }
  if (name === 'ping' || name === 'close') return { kind: name satisfies RecordKind, content: new TextEncoder().encode(data) }
  return null
}
