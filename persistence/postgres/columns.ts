// Reading columns of a result row as the type they must have. Anything else is a mismatch between the program and its schema.
import { assert } from '../../core/assert.js'
import type { Row } from './database.js'

export function numberIn(row: Row, column: string): number {
  const value = row[column]
  assert(typeof value === 'number', `column ${column} is a number`)
  return value
}

export function textIn(row: Row, column: string): string {
  const value = row[column]
  assert(typeof value === 'string', `column ${column} is text`)
  return value
}

export function textOrNullIn(row: Row, column: string): string | null {
  return row[column] === null ? null : textIn(row, column)
}

export function bytesIn(row: Row, column: string): Buffer {
  const value = row[column]
  assert(Buffer.isBuffer(value), `column ${column} is bytes`)
  return value
}

/** Text that may hold anything, zero bytes included, is stored as its UTF-8 bytes: PostgreSQL's `text` refuses zero bytes. */
export function utf8In(row: Row, column: string): string {
  return bytesIn(row, column).toString('utf8')
}
