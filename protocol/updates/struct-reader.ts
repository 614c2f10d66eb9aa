// Reads one struct of an update (yjs: structs/*.js, utils/updates.js): what it depends on and how many clocks it covers, its content
// checked but not built.
import type { ByteReader } from './byte-reader.js'
import type { NeedSink } from './needs.js'
import { skipAny, skipDocOptions, skipJson } from './values.js'

/** Clocks, and the end of every range, stay below this: they are stored in 32 bits. */
export const CLOCK_MAX = 0xffff_ffff

export const REF_GC = 0
export const REF_SKIP = 10
export const REF_TYPE = 7

export const HAS_ORIGIN = 0x80
export const HAS_RIGHT_ORIGIN = 0x40
export const HAS_PARENT_SUB = 0x20
const TYPE_XML_ELEMENT = 3
const TYPE_XML_HOOK = 5
const TYPE_MAX = 6

/** A longer content takes so long to step over that where it ends is remembered. */
const LONG_CONTENT_BYTES = 4 * 1024

/** Contents of one encoding that take long to step over, by their offset: how many clocks each covers, and where it ends. */
export type LongContents = Map<number, { readonly length: number; readonly end: number }>

/** Where a struct finds its parent: it has none (GC, Skip, a root type), it names the parent's item, or it shares its neighbour's. */
type ParentLink = 'none' | 'item' | 'neighbour'

/**
 * Holds the struct read last. `read` takes, at the reader's offset:
 * info byte (content ref in the low 5 bits; bits for origin, right origin, parent key), [origin id], [right origin id],
 * [parent: 1 + root name, or 0 + id; then the key] if there is no origin, content.
 */
export class StructReader {
  readonly reader: ByteReader
  readonly #depthMax: number
  readonly #needs: NeedSink | null
  readonly #longContents: LongContents | null
  /** Offset of the info byte. */
  start = 0
  /** Offset of the content: of what follows the ids, the parent and its key. */
  contentStart = 0
  /** Offset of the right origin, which ends where the content begins. Of the last struct that had one. */
  rightOriginStart = 0
  clock = 0
  length = 0
  ref = REF_GC
  parentLink: ParentLink = 'none'
  /** Values inside contents of all structs read so far, each of which Yjs makes an object of its own. */
  values = 0
  /** The id that `parentLink` is about. */
  linkClient = 0
  linkClock = 0

  /**
   * `needs` hears of every id of another client. `longContents` is for bytes that are read again and again; of what it has, `values` is not
   * counted anew.
   */
  constructor(reader: ByteReader, depthMax: number, needs: NeedSink | null = null, longContents: LongContents | null = null) {
    this.reader = reader
    this.#depthMax = depthMax
    this.#needs = needs
    this.#longContents = longContents
  }

  /** Reads the struct (client, clock). Throws whatever Yjs would throw on, now or later. */
  read(client: number, clock: number): void {
    const { reader } = this
    this.start = reader.offset
    this.clock = clock
    const info = reader.readByte()
    const ref = info & 0x1f
    this.ref = ref
    this.parentLink = 'none'
    if (ref === REF_GC || ref === REF_SKIP) {
      // Yjs's two parsers disagree about flags on these.
      if (info !== ref) reader.fail('A struct without content carries flags')
      this.contentStart = reader.offset
      this.length = reader.readVarUint()
    } else {
      // An id of the same client must point backwards: Yjs looks it up without a check.
      if ((info & HAS_RIGHT_ORIGIN) === 0) {
        if ((info & HAS_ORIGIN) !== 0) this.#readLink('neighbour', client, clock)
        else this.#readParent(client, clock, (info & HAS_PARENT_SUB) !== 0)
      } else if ((info & HAS_ORIGIN) === 0) {
        this.rightOriginStart = reader.offset
        this.#readLink('neighbour', client, clock)
      } else {
        this.#readLink('neighbour', client, clock)
        const { linkClient, linkClock } = this
        this.rightOriginStart = reader.offset
        this.#readLink('neighbour', client, clock)
        this.linkClient = linkClient
        this.linkClock = linkClock
      }
      this.contentStart = reader.offset
      this.length = this.#longContents === null ? this.#skipContent(ref) : this.#skipLongContent(ref, this.#longContents)
    }
    // Yjs writes none of these, and its struct lists cannot hold them.
    if (this.length === 0) reader.fail('A struct has no length')
    if (clock + this.length > CLOCK_MAX) reader.fail('A clock exceeds 2^32-1')
  }

  #readLink(link: ParentLink, client: number, clock: number): void {
    const { reader } = this
    this.parentLink = link
    this.linkClient = reader.readVarUint()
    this.linkClock = reader.readVarUint()
    if (this.linkClock >= CLOCK_MAX) reader.fail('A clock exceeds 2^32-1')
    if (this.linkClient !== client) this.#needs?.need(clock, this.linkClient, this.linkClock)
    else if (this.linkClock >= clock) reader.fail('A struct depends on itself or on a later one of its client')
  }

  #readParent(client: number, clock: number, hasParentSub: boolean): void {
    const { reader } = this
    switch (reader.readVarUint()) {
      case 0:
        this.#readLink('item', client, clock)
        break
      case 1:
        reader.skipString()
        break
      default:
        reader.fail('A parent is neither a root type nor an item')
    }
    if (hasParentSub) reader.skipString()
  }

  #skipLongContent(ref: number, longContents: LongContents): number {
    const { reader, contentStart } = this
    const known = longContents.get(contentStart)
    if (known !== undefined) {
      reader.offset = known.end
      return known.length
    }
    const length = this.#skipContent(ref)
    if (reader.offset - contentStart >= LONG_CONTENT_BYTES) longContents.set(contentStart, { length, end: reader.offset })
    return length
  }

  /** Steps over the content; returns how many clocks it covers. */
  #skipContent(ref: number): number {
    const { reader } = this
    switch (ref) {
      case 1: // deleted
        return reader.readVarUint()
      case 2: {
        const count = reader.readCount(1)
        for (let index = 0; index < count; index++) this.values += skipJson(reader, this.#depthMax, true)
        return count
      }
      case 3: // binary
        reader.skip(reader.readVarUint())
        return 1
      case 4:
        return reader.skipString()
      case 5: // embed
        this.values += skipJson(reader, this.#depthMax, false)
        return 1
      case 6: // format: key, value
        reader.skipString()
        this.values += skipJson(reader, this.#depthMax, false)
        return 1
      case REF_TYPE: {
        const type = reader.readVarUint()
        if (type > TYPE_MAX) reader.fail('A shared type is of an unknown kind')
        if (type === TYPE_XML_ELEMENT || type === TYPE_XML_HOOK) reader.skipString()
        return 1
      }
      case 8: {
        const count = reader.readCount(1)
        for (let index = 0; index < count; index++) this.values += skipAny(reader, this.#depthMax)
        return count
      }
      case 9: // subdocument: guid, options
        reader.skipString()
        this.values += skipDocOptions(reader, this.#depthMax)
        return 1
      default:
        return reader.fail('A struct has content of an unknown kind')
    }
  }
}
