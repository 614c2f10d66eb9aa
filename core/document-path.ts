// The document id in a URL path, as clients and HTTP requests give it.
import { WeftError } from './errors.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The document id of a request target such as `/notes%2Ftoday?token=x`: everything between the first slash and the query, percent-decoded.
 * `target` holds one character per byte, as node:http gives it. Throws `invalid-document-id`; emptiness and length are checked elsewhere.
 */
export function documentIdFromTarget(target: string): string {
  return percentDecoded(target.slice(target.startsWith('/') ? 1 : 0).split('?', 1)[0] ?? '')
}

/**
 * A part of a path, percent-decoded. Browsers leave a % alone that two hexadecimal digits do not follow, so it stands for itself. Throws
 * `invalid-document-id`.
 */
export function percentDecoded(path: string): string {
  const bytes: number[] = []
  for (let index = 0; index < path.length; index++) {
    const code = path.charCodeAt(index)
    const digits = code === PERCENT ? path.slice(index + 1, index + 3) : ''
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) {
      bytes.push(code)
      continue
    }
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

/** A base path as it is kept: `/collab`, or empty for none. Throws `invalid-configuration`; `name` is what the setting is called. */
export function basePathOf(text: string, name: string): string {
  const path = text.replace(/^\/+|\/+$/g, '')
  if (path === '') return ''
  if (!/^[\w.~!$&'()*+,;=:@-]+(\/[\w.~!$&'()*+,;=:@-]+)*$/.test(path) || /(^|\/)\.\.?(\/|$)/.test(path))
    throw new WeftError(
      'invalid-configuration',
      `${name} is "${text}"; it takes a path such as /collab, of letters, digits and . _ ~ - in each segment.`,
    )
  return `/${path}`
}

/**
 * What is left of a request target behind the base path, beginning with a slash or a question mark or empty; null if it is not below it.
 */
export function behindBasePath(target: string, basePath: string): string | null {
  if (!target.startsWith(basePath)) return null
  const rest = target.slice(basePath.length)
  return rest === '' || /^[/?]/.test(rest) ? rest : null
}
