// The root types of a document and what they hold. An update does not say of what kind a root is: that is told from what is in it.
import * as Y from 'yjs'

/** `unknown`: nothing is in it that would tell. */
export type RootKind = 'text' | 'map' | 'array' | 'xml' | 'unknown'

export interface Root {
  readonly name: string
  readonly kind: RootKind
  /** As JSON: see `jsonOf`. */
  readonly value: unknown
  /** What hangs on a text, an array or an element by name beside its content; empty for a map, whose content that is. */
  readonly attributes: Readonly<Record<string, unknown>>
}

/** A shared type of any kind: what its events are plays no part here. */
type AnyType = object

/** Internals of Yjs' types that hold their content; they are the same in all of 13.6. */
interface Insides {
  readonly _start: Y.Item | null
  readonly _map: ReadonlyMap<string, Y.Item>
}

export function insidesOf(type: AnyType): Insides {
  return type as unknown as Insides
}

export function kindOf(type: AnyType): RootKind {
  if (type instanceof Y.XmlFragment) return 'xml'
  if (type instanceof Y.Text) return 'text'
  if (type instanceof Y.Map) return 'map'
  if (type instanceof Y.Array) return 'array'
  const { _start, _map } = insidesOf(type)
  for (let item: Y.Item | null = _start; item !== null; item = item.right) {
    const { content } = item
    if (content instanceof Y.ContentDeleted) continue
    if (content instanceof Y.ContentString || content instanceof Y.ContentFormat || content instanceof Y.ContentEmbed) return 'text'
    if (content instanceof Y.ContentType) {
      const { type: inner } = content
      return inner instanceof Y.XmlFragment || inner instanceof Y.XmlText || inner instanceof Y.XmlHook ? 'xml' : 'array'
    }
    return 'array'
  }
  return _map.size > 0 ? 'map' : 'unknown'
}

/** The root as a type of its kind; null while that is unknown. */
export function typedRoot(doc: Y.Doc, name: string, kind: RootKind): Y.Text | Y.Map<unknown> | Y.Array<unknown> | Y.XmlFragment | null {
  switch (kind) {
    case 'text':
      return doc.getText(name)
    case 'map':
      return doc.getMap(name)
    case 'array':
      return doc.getArray(name)
    case 'xml':
      return doc.getXmlFragment(name)
    case 'unknown':
      return null
  }
}

export function rootNames(doc: Y.Doc): readonly string[] {
  return [...doc.share.keys()].sort()
}

/** All roots that hold something, by name. */
export function rootsOf(doc: Y.Doc): readonly Root[] {
  return rootNames(doc).flatMap((name) => {
    const root = rootOf(doc, name)
    return isEmpty(root) ? [] : [root]
  })
}

export function rootOf(doc: Y.Doc, name: string): Root {
  const held = doc.share.get(name)
  const kind = held === undefined ? 'unknown' : kindOf(held)
  const type = typedRoot(doc, name, kind)
  if (type === null) return { name, kind, value: null, attributes: {} }
  return { name, kind, value: jsonOf(type), attributes: kind === 'map' ? {} : attributesOf(type) }
}

/** What a root holds, so that two can be compared; null when that is nothing, as for a root that is not there. */
export function contentOf(doc: Y.Doc, name: string): string | null {
  const root = rootOf(doc, name)
  return isEmpty(root) ? null : JSON.stringify([root.value, root.attributes])
}

function isEmpty({ kind, value, attributes }: Root): boolean {
  if (Object.keys(attributes).length > 0) return false
  switch (kind) {
    case 'text':
    case 'array':
    case 'xml':
      return (value as readonly unknown[]).length === 0
    case 'map':
      return Object.keys(value as object).length === 0
    case 'unknown':
      return true
  }
}

/**
 * A shared type, or a value in one, as JSON. Text is its delta (a list of `{ insert, attributes }`), an element `{ name, attributes,
 * children }`. What JSON has no word for is `{ $binary: base64 }`, `{ $subdocument: guid }`, `{ $undefined: true }` or `{ $number: 'NaN'
 * }`.
 */
export function jsonOf(value: unknown): unknown {
  if (value instanceof Y.XmlElement) return { name: value.nodeName, attributes: attributesOf(value), children: value.toArray().map(jsonOf) }
  if (value instanceof Y.XmlFragment) return value.toArray().map(jsonOf)
  if (value instanceof Y.XmlHook) return { hook: value.hookName, value: mapOf(value) }
  if (value instanceof Y.XmlText) return { text: deltaOf(value), ...(hasAttributes(value) ? { attributes: attributesOf(value) } : {}) }
  if (value instanceof Y.Text) return deltaOf(value)
  if (value instanceof Y.Map) return mapOf(value)
  if (value instanceof Y.Array) return value.toArray().map(jsonOf)
  if (value instanceof Y.Doc) return { $subdocument: value.guid }
  if (value instanceof Uint8Array) return { $binary: Buffer.from(value).toString('base64') }
  if (value === undefined) return { $undefined: true }
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $number: String(value) }
  if (Array.isArray(value)) return value.map(jsonOf)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, jsonOf(inner)]))
  return value
}

function mapOf(map: Y.Map<unknown>): Record<string, unknown> {
  return Object.fromEntries([...map.keys()].sort().map((key) => [key, jsonOf(map.get(key))]))
}

function deltaOf(text: Y.Text): readonly unknown[] {
  return (text.toDelta() as readonly { insert: unknown; attributes?: object }[]).map(({ insert, attributes }) => ({
    insert: typeof insert === 'string' ? insert : jsonOf(insert),
    ...(attributes === undefined || Object.keys(attributes).length === 0 ? {} : { attributes: jsonOf(sorted(attributes)) }),
  }))
}

function sorted(value: object): object {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function attributesOf(type: AnyType): Record<string, unknown> {
  const live = [...insidesOf(type)._map].filter(([, item]) => !item.deleted).map(([key]) => key)
  const read = type as unknown as { getAttribute?: (key: string) => unknown }
  return Object.fromEntries(live.sort().map((key) => [key, jsonOf(read.getAttribute?.(key) ?? lastOf(insidesOf(type)._map.get(key)))]))
}

function lastOf(item: Y.Item | undefined): unknown {
  return item?.content.getContent().at(-1)
}

function hasAttributes(type: AnyType): boolean {
  return [...insidesOf(type)._map.values()].some((item) => !item.deleted)
}
