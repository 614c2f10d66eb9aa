// Fields that messages of both directions of the weft dialect have.
import type { Permission } from '../../core/permission.js'
import type { MessageReader, PartsWriter } from '../bytes.js'
import type { Refusal } from './weft-messages.js'

/** Bounds of the strings that a server or a client keeps, in bytes of UTF-8. */
export const SHORT_STRING_BYTES_MAX = 256
const REASON_BYTES_MAX = 4096

export function readSubmission(reader: MessageReader): number {
  const submission = reader.varUint()
  if (submission === 0) throw reader.malformed('numbers a submission 0, where counting starts at 1')
  return submission
}

export function readFlag(reader: MessageReader): boolean {
  const value = reader.varUint()
  if (value > 1) throw reader.malformed(`holds ${value} where 0 or 1 is expected`)
  return value === 1
}

export function readPermission(reader: MessageReader): Permission {
  return readFlag(reader) ? 'read-write' : 'read-only'
}

export function writePermission(writer: PartsWriter, permission: Permission): PartsWriter {
  return writer.varUint(permission === 'read-write' ? 1 : 0)
}

export function readRefusal(reader: MessageReader): Refusal {
  return {
    closeCode: reader.varUint(),
    code: reader.varString(SHORT_STRING_BYTES_MAX),
    reason: reader.varString(REASON_BYTES_MAX),
    retryable: readFlag(reader),
  }
}

export function writeRefusal(writer: PartsWriter, refusal: Refusal): PartsWriter {
  return writer
    .varUint(refusal.closeCode)
    .varString(refusal.code)
    .varString(refusal.reason)
    .varUint(refusal.retryable ? 1 : 0)
}
