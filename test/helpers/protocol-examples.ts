// Reads the worked examples out of docs/protocol.md, so that the document cannot drift from the code.
import { readFileSync } from 'node:fs'

interface Example<Message> {
  readonly bytes: Uint8Array
  readonly message: Message
}

// Compiled to <out>/test/helpers/ or run from the sources: either way the package's root is the nearest folder that has docs/protocol.md.
function readProtocolDocument(): string {
  for (const up of ['../../', '../../../', '../../../../']) {
    try {
      return readFileSync(new URL(`${up}docs/protocol.md`, import.meta.url), 'utf8')
    } catch {}
  }
  throw new Error('docs/protocol.md was not found')
}

/**
 * The examples of one dialect: fenced blocks whose info string is `example <dialect>`. A block holds one message as JSON, in which `"hex:…"`
 * stands for bytes, then the frame as hexadecimal; `#` starts a comment.
 */
export function documentedExamples<Message>(dialect: string): Example<Message>[] {
  const examples: Example<Message>[] = []
  for (const [, block] of readProtocolDocument().matchAll(new RegExp(`^\`\`\`example ${dialect}\\n([^]*?)^\`\`\`$`, 'gm'))) {
    const lines = (block ?? '').split('\n').filter((line) => line.trim() !== '')
    const [json, ...hex] = lines
    if (json === undefined || hex.length === 0) throw new Error(`An example of ${dialect} is incomplete: ${block}`)
    const message = JSON.parse(json, (_key, value: unknown) =>
      typeof value === 'string' && value.startsWith('hex:') ? fromHex(value.slice(4)) : value,
    ) as Message
    examples.push({ bytes: fromHex(hex.map((line) => line.replace(/#.*$/, '')).join(' ')), message })
  }
  if (examples.length === 0) throw new Error(`docs/protocol.md has no examples of ${dialect}`)
  return examples
}

function fromHex(hex: string): Uint8Array {
  const digits = hex.replace(/\s/g, '')
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new Error(`Not hexadecimal: ${hex}`)
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** The same value with every byte array as a plain array, for comparison: a view and a copy of it count as equal. */
export function plainBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plainBytes)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainBytes(inner)]))
}
