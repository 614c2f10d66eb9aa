// The document id in a URL path, as y-websocket clients send it.
import { WeftError } from '../../core/errors.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The document id of a request target such as `/notes%2Ftoday?token=x`: everything between the first slash and the query, percent-decoded.
 * `target` holds one character per byte, as node:http gives it. Throws `invalid-document-id`; emptiness and length are checked elsewhere.
 */
export function documentIdFromTarget(target: string): string {
  const path = target.slice(target.startsWith('/') ? 1 : 0).split('?', 1)[0] ?? ''
  const bytes: number[] = []
  for (let index = 0; index < path.length; index++) {
    const code = path.charCodeAt(index)
    if (code !== PERCENT) {
      bytes.push(code)
      continue
    }
    const digits = path.slice(index + 1, index + 3)
    if (!/^[0-9a-fA-F]{2}$/.test(digits))
      throw new WeftError('invalid-document-id', 'The URL path has a % that two hexadecimal digits do not follow.')
    bytes.push(Number.parseInt(digits, 16))
    index += 2
  }
  try {
    return decoder.decode(Uint8Array.from(bytes))
  } catch {
    throw new WeftError('invalid-document-id', 'The document id in the URL path is not valid UTF-8.')
  }
}

const PERCENT = 0x25
