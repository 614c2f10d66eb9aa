// Reads the structs of an encoded document block by block, as much at a time as is asked for. Nothing is decoded: it steps from one noted
// place to the next, and cuts a struct that is larger than what is asked for where Yjs would: between characters or values.
import { ByteReader, isContinuation, utf16Length } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import type { EncodedDocument } from './encoded-document.js'
import type { Slice } from './piece.js'
import { StructCutter } from './struct-cutter.js'
import { HAS_ORIGIN, HAS_PARENT_SUB, HAS_RIGHT_ORIGIN, type StructReader } from './struct-reader.js'
import { skipAny } from './values.js'

const REF_JSON = 2
const REF_STRING = 4
const REF_ANY = 8

/** A smaller struct is never cut. */
const CUT_BYTES_MIN = 512

/** A struct that is being read in parts. */
interface Opened {
  readonly ref: number
  readonly info: number
  readonly firstClock: number
  readonly endClock: number
  /** Bytes of the first part's head: info byte to content. */
  readonly head: Uint8Array
  readonly rightOrigin: Uint8Array
  /** Where the struct ends. */
  readonly end: number
}

/** How far a block was read. A value: it can be kept, and gone back to. */
export interface BlockPlace {
  readonly index: number
  readonly clock: number
  readonly offset: number
  readonly ordinal: number
  /** The struct that the place lies in. */
  readonly opened: Opened | null
}

export interface BlockRead {
  readonly slice: Slice
  /** Null at the end of the block. */
  readonly next: BlockPlace | null
}

/** What of block `index` comes first after `clock`, or null if nothing does. */
export function beginBlock(
  document: EncodedDocument,
  index: number,
  clock: number,
): { readonly rest: Slice | null; readonly next: BlockPlace | null } | null {
  const place = document.locate(index, clock)
  if (place === null) return null
  const whole: BlockPlace = { index, ...place, opened: null }
  if (place.clock >= clock) return { rest: null, next: whole }
  const reader = new ByteReader(document.bytes, 'malformed-update')
  const structs = document.structReader(reader)
  reader.offset = place.offset
  const client = document.clientOf(index)
  structs.read(client, place.clock)
  const endClock = place.clock + structs.length
  const { start } = structs
  const end = reader.offset
  if (end - start > CUT_BYTES_MIN && isCuttable(structs)) {
    const opened = openStruct(document, structs, end)
    const at = placeAt(document, { ...whole, offset: contentOf(document, structs), opened }, opened, clock)
    if (at.clock === clock) return { rest: null, next: at }
  }
  // The rest of a struct of which the receiver has the beginning, as one: it is small, or cut inside a character.
  const cutter = new StructCutter(document.bytes)
  cutter.begin(client, structs)
  const writer = new ByteWriter()
  cutter.write(writer, clock, endClock)
  return {
    rest: { client, firstClock: clock, endClock, structCount: 1, pieces: [writer.toBytes()] },
    next: after(document, { index, clock: endClock, offset: end, ordinal: place.ordinal + 1, opened: null }),
  }
}

function openStruct(document: EncodedDocument, structs: StructReader, end: number): Opened {
  const info = document.bytes[structs.start] as number
  return {
    ref: structs.ref,
    info,
    firstClock: structs.clock,
    endClock: structs.clock + structs.length,
    head: document.bytes.subarray(structs.start, structs.contentStart),
    rightOrigin:
      (info & HAS_RIGHT_ORIGIN) === 0 ? new Uint8Array(0) : document.bytes.subarray(structs.rightOriginStart, structs.contentStart),
    end,
  }
}

/** Where the string or the values of a struct begin, behind their length. */
function contentOf(document: EncodedDocument, structs: StructReader): number {
  const reader = new ByteReader(document.bytes, 'malformed-update')
  reader.offset = structs.contentStart
  reader.readVarUint()
  return reader.offset
}

/** The place at `clock` inside the opened struct, or right behind the character that it lies in. */
function placeAt(document: EncodedDocument, place: BlockPlace, opened: Opened, clock: number): BlockPlace {
  const clocksMax = clock - place.clock
  const { bytes, clocks } =
    opened.ref === REF_STRING
      ? charactersIn(document.bytes, place.offset, opened.end, Number.POSITIVE_INFINITY, clocksMax)
      : valuesIn(document, place, opened, Number.POSITIVE_INFINITY, clocksMax)
  return { ...place, clock: place.clock + clocks, offset: place.offset + bytes }
}

/** About `bytesMax` bytes from `place` on: at least one struct, or a part of one. */
export function readBlock(document: EncodedDocument, place: BlockPlace, bytesMax: number): BlockRead {
  if (place.opened !== null) return readPart(document, place, place.opened, bytesMax)
  const { index, offset } = place
  const end = document.endOf(index)
  if (end - offset <= bytesMax)
    return whole(document, place, { clock: document.endClockOf(index), offset: end, ordinal: document.structCountOf(index) })
  const noted = document.placeBefore(index, offset + bytesMax)
  if (noted !== null && noted.offset > offset) return whole(document, place, noted)
  const reader = new ByteReader(document.bytes, 'malformed-update')
  const structs = document.structReader(reader)
  reader.offset = offset
  structs.read(document.clientOf(index), place.clock)
  const length = reader.offset - offset
  if (length > Math.max(CUT_BYTES_MIN, bytesMax) && isCuttable(structs)) {
    const opened = openStruct(document, structs, reader.offset)
    return readPart(document, { ...place, offset: contentOf(document, structs), opened }, opened, bytesMax)
  }
  return whole(document, place, { clock: place.clock + structs.length, offset: reader.offset, ordinal: place.ordinal + 1 })
}

function whole(
  document: EncodedDocument,
  from: BlockPlace,
  to: { readonly clock: number; readonly offset: number; readonly ordinal: number },
): BlockRead {
  const slice: Slice = {
    client: document.clientOf(from.index),
    firstClock: from.clock,
    endClock: to.clock,
    structCount: to.ordinal - from.ordinal,
    pieces: [document.bytes.subarray(from.offset, to.offset)],
  }
  return { slice, next: after(document, { ...to, index: from.index, opened: null }) }
}

function after(document: EncodedDocument, place: BlockPlace): BlockPlace | null {
  return place.ordinal < document.structCountOf(place.index) ? place : null
}

function isCuttable({ ref, length }: StructReader): boolean {
  return length > 1 && (ref === REF_STRING || ref === REF_ANY || ref === REF_JSON)
}

function readPart(document: EncodedDocument, place: BlockPlace, opened: Opened, bytesMax: number): BlockRead {
  const client = document.clientOf(place.index)
  const { bytes } = document
  const { clock, offset } = place
  const length = opened.ref === REF_STRING ? charactersIn(bytes, offset, opened.end, bytesMax) : valuesIn(document, place, opened, bytesMax)
  const endOffset = offset + length.bytes
  const endClock = clock + length.clocks
  const writer = new ByteWriter()
  if (clock === opened.firstClock) writer.write(opened.head)
  else {
    const { info } = opened
    // A key stands only where the parent does.
    const keyed = (info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN)) === 0 ? info & HAS_PARENT_SUB : 0
    writer.writeByte(opened.ref | HAS_ORIGIN | (info & HAS_RIGHT_ORIGIN) | keyed)
    writer.writeVarUint(client)
    writer.writeVarUint(clock - 1)
    writer.write(opened.rightOrigin)
  }
  writer.writeVarUint(opened.ref === REF_STRING ? length.bytes : length.clocks)
  const slice: Slice = {
    client,
    firstClock: clock,
    endClock,
    structCount: 1,
    pieces: [writer.toBytes(), bytes.subarray(offset, endOffset)],
  }
  const next: BlockPlace | null =
    endClock < opened.endClock
      ? { ...place, clock: endClock, offset: endOffset }
      : after(document, { index: place.index, clock: endClock, offset: opened.end, ordinal: place.ordinal + 1, opened: null })
  return { slice, next }
}

interface Length {
  readonly bytes: number
  /** UTF-16 units, or values. */
  readonly clocks: number
}

const CHUNK_BYTES = 16 * 1024

/** The whole characters in at least `bytesMax` bytes, or at least `clocksMax` units: Yjs would replace both halves of one that is cut. */
function charactersIn(bytes: Uint8Array, start: number, end: number, bytesMax: number, clocksMax = Number.POSITIVE_INFINITY): Length {
  const stop = Math.min(end, start + bytesMax)
  let offset = start
  let clocks = 0
  while (offset < stop && clocks < clocksMax) {
    const chunkEnd = characterEnd(bytes, Math.min(stop, offset + CHUNK_BYTES), end)
    const units = utf16Length(bytes, offset, chunkEnd)
    if (clocks + units > clocksMax) break
    offset = chunkEnd
    clocks += units
  }
  // The last ones one by one.
  while (offset < stop && clocks < clocksMax) {
    const lead = bytes[offset] as number
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    offset += size
    clocks += size > 3 ? 2 : 1
  }
  return { bytes: offset - start, clocks }
}

/** Behind the character that `offset` lies in. */
function characterEnd(bytes: Uint8Array, offset: number, end: number): number {
  let at = offset
  while (at < end && isContinuation(bytes[at] as number)) at++
  return at
}

function valuesIn(
  document: EncodedDocument,
  place: BlockPlace,
  opened: Opened,
  bytesMax: number,
  clocksMax = Number.POSITIVE_INFINITY,
): Length {
  const reader = new ByteReader(document.bytes, 'malformed-update')
  reader.offset = place.offset
  const stop = Math.min(opened.end, place.offset + bytesMax)
  let clocks = 0
  while (reader.offset < stop && clocks < clocksMax) {
    if (opened.ref === REF_JSON) reader.skipString()
    else skipAny(reader, Number.POSITIVE_INFINITY)
    clocks++
  }
  return { bytes: reader.offset - place.offset, clocks }
}
