// Checks the values inside an update without building them: lib0's "any" encoding and JSON text. Iterative, so that depth costs no stack.
import type { ByteReader } from './byte-reader.js'

const ANY_STRING = 119
const ANY_OBJECT = 118

/** Steps over one lib0 "any" value; returns how many values it is made of. Throws if it is malformed or nested deeper than `depthMax`. */
export function skipAny(reader: ByteReader, depthMax: number): number {
  if (!skipAnyHead(reader)) return 1
  let values = 0
  // One number per open container: twice the values left in it, plus one for an object.
  const open: number[] = []
  // The head of a container was read: step back to it and read it as one.
  reader.offset--
  for (;;) {
    values++
    const tag = reader.bytes[reader.offset] as number
    if (skipAnyHead(reader)) {
      const isObject = tag === ANY_OBJECT
      const count = reader.readCount(isObject ? 2 : 1)
      open.push(count * 2 + (isObject ? 1 : 0))
      if (open.length > depthMax) reader.fail('A value is nested too deeply')
    }
    let left = open.at(-1)
    while (left !== undefined && left < 2) {
      open.pop()
      left = open.at(-1)
    }
    if (left === undefined) return values
    open[open.length - 1] = left - 2
    if (left % 2 === 1) reader.skipString()
  }
}

/** Steps over a scalar, or only over the tag of a container; says whether it was a container. */
function skipAnyHead(reader: ByteReader): boolean {
  switch (reader.readByte()) {
    case 127: // undefined
    case 126: // null
    case 121: // false
    case 120: // true
      return false
    case 125:
      reader.skipVarInt()
      return false
    case 124: // float32
      reader.skip(4)
      return false
    case 123: // float64
    case 122: // bigint64
      reader.skip(8)
      return false
    case ANY_STRING:
      reader.skipString()
      return false
    case ANY_OBJECT:
    case 117: // array
      return true
    case 116: // Uint8Array
      reader.skip(reader.readVarUint())
      return false
    default:
      return reader.fail('A value has an unknown type')
  }
}

/** A subdocument is a whole Y.Doc, which weighs as much as this many values. */
const SUBDOCUMENT_VALUES = 16

/**
 * Steps over the options of a subdocument: an object that Yjs can hand to `new Doc` and later write again. Returns what it weighs, in
 * values.
 */
export function skipDocOptions(reader: ByteReader, depthMax: number): number {
  let values = SUBDOCUMENT_VALUES
  if (reader.readByte() !== ANY_OBJECT) reader.fail('The options of a subdocument are not an object')
  const count = reader.readCount(2)
  for (let index = 0; index < count; index++) {
    const units = reader.skipString()
    const key = reader.bytes.subarray(Math.max(0, reader.offset - units), reader.offset)
    // Yjs spreads the options over the guid: a guid that is no string breaks every later encoding of the document.
    if (isAscii(key, 'guid') && reader.bytes[reader.offset] !== ANY_STRING) reader.fail('The guid of a subdocument is not a string')
    if (isAscii(key, 'gcFilter')) reader.fail('The options of a subdocument hold a function')
    values += skipAny(reader, depthMax - 1)
  }
  return values
}

/** Whether `bytes` are exactly the ASCII string `text`. */
function isAscii(bytes: Uint8Array, text: string): boolean {
  if (bytes.length !== text.length) return false
  for (let index = 0; index < text.length; index++) if (bytes[index] !== text.charCodeAt(index)) return false
  return true
}

/** A value in JSON takes at least this many bytes with its comma, if it is more than one digit. */
const JSON_BYTES_PER_VALUE = 3

/**
 * Steps over a length-prefixed string that `JSON.parse` accepts and that nests at most `depthMax` deep. Returns how many values it can
 * hold.
 */
export function skipJson(reader: ByteReader, depthMax: number, allowUndefined: boolean): number {
  const lengthAt = reader.offset
  const length = reader.readVarUint()
  const start = reader.offset
  reader.offset = lengthAt
  reader.skipString()
  if (allowUndefined && length === 9 && isAscii(reader.bytes.subarray(start, reader.offset), 'undefined')) return 1
  if (!isJson(reader.bytes, start, reader.offset, depthMax)) reader.fail('A JSON value is malformed or nested too deeply')
  return Math.ceil(length / JSON_BYTES_PER_VALUE)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const ARRAY_OPEN = 0x5b
const ARRAY_CLOSE = 0x5d
const OBJECT_OPEN = 0x7b
const OBJECT_CLOSE = 0x7d

/** Whether the UTF-8 in `bytes[start, end)` is one JSON text of at most `depthMax` nested arrays and objects. */
export function isJson(bytes: Uint8Array, start: number, end: number, depthMax: number): boolean {
  const closers: number[] = []
  let at = start
  for (;;) {
    at = afterSpace(bytes, at, end)
    if (at >= end) return false
    const head = bytes[at] as number
    if (head === ARRAY_OPEN || head === OBJECT_OPEN) {
      const closer = head === ARRAY_OPEN ? ARRAY_CLOSE : OBJECT_CLOSE
      closers.push(closer)
      if (closers.length > depthMax) return false
      at = afterSpace(bytes, at + 1, end)
      if (at >= end) return false
      if (bytes[at] !== closer) {
        if (closer === OBJECT_CLOSE) at = afterKey(bytes, at, end)
        if (at < 0) return false
        continue
      }
    } else {
      at = afterScalar(bytes, at, end)
      if (at < 0) return false
    }
    // A value ended here, or the cursor stands on the closer of an empty container.
    for (;;) {
      at = afterSpace(bytes, at, end)
      const closer = closers.at(-1)
      if (closer === undefined) return at === end
      if (at >= end) return false
      if (bytes[at] === closer) {
        closers.pop()
        at++
        continue
      }
      if (bytes[at] !== COMMA) return false
      if (closer === OBJECT_CLOSE) at = afterKey(bytes, afterSpace(bytes, at + 1, end), end)
      else at++
      if (at < 0) return false
      break
    }
  }
}

// The functions below return the position after what they read, or -1 if it is not there.

function afterSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    at++
  }
  return at
}

function afterKey(bytes: Uint8Array, start: number, end: number): number {
  const string = afterString(bytes, start, end)
  if (string < 0) return -1
  const at = afterSpace(bytes, string, end)
  return at < end && bytes[at] === COLON ? at + 1 : -1
}

function afterScalar(bytes: Uint8Array, at: number, end: number): number {
  switch (bytes[at]) {
    case QUOTE:
      return afterString(bytes, at, end)
    case 0x74:
      return afterWord(bytes, at, end, 'true')
    case 0x66:
      return afterWord(bytes, at, end, 'false')
    case 0x6e:
      return afterWord(bytes, at, end, 'null')
    default:
      return afterNumber(bytes, at, end)
  }
}

function afterWord(bytes: Uint8Array, start: number, end: number, word: string): number {
  if (start + word.length > end) return -1
  for (let index = 0; index < word.length; index++) if (bytes[start + index] !== word.charCodeAt(index)) return -1
  return start + word.length
}

const isHex = (byte: number): boolean => (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)

function afterString(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end || bytes[start] !== QUOTE) return -1
  let at = start + 1
  while (at < end) {
    const byte = bytes[at] as number
    if (byte === QUOTE) return at + 1
    if (byte < 0x20) return -1
    if (byte !== BACKSLASH) {
      at++
      continue
    }
    if (at + 1 >= end) return -1
    const escaped = bytes[at + 1] as number
    if (escaped === 0x75) {
      if (at + 6 > end) return -1
      for (let index = at + 2; index < at + 6; index++) if (!isHex(bytes[index] as number)) return -1
      at += 6
    } else if ('"\\/bfnrt'.includes(String.fromCharCode(escaped))) at += 2
    else return -1
  }
  return -1
}

function afterDigits(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && (bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x39) at++
  return at > start ? at : -1
}

function afterNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = bytes[start] === 0x2d ? start + 1 : start
  if (at < end && bytes[at] === 0x30) at++
  else at = afterDigits(bytes, at, end)
  if (at > 0 && at < end && bytes[at] === 0x2e) at = afterDigits(bytes, at + 1, end)
  if (at > 0 && at < end && ((bytes[at] as number) | 0x20) === 0x65) {
    const sign = bytes[at + 1]
    at = afterDigits(bytes, sign === 0x2b || sign === 0x2d ? at + 2 : at + 1, end)
  }
  return at
}
