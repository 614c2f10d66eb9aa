// What operators are told of a copy that could not be written: each reason in words of its own, by number as LMDB says it and by name as Node does.
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { describe, test } from 'node:test'
import { notWritten } from '../../persistence/system-errors.js'

const { errno } = constants

describe('G5: a copy that could not be written', () => {
  const reasons = [
    ['ENOSPC', 'store-full', /there is no room for it in \/backups/],
    ['EDQUOT', 'store-full', /there is no room for it in \/backups/],
    ['EACCES', 'copy-not-written', /may not write into \/backups\. Give it the permission/],
    ['EPERM', 'copy-not-written', /may not write into \/backups\. Give it the permission/],
    ['EROFS', 'copy-not-written', /file system of \/backups is read-only/],
    ['ENOENT', 'copy-not-written', /\/backups is not there/],
    ['ENOTDIR', 'copy-not-written', /\/backups is no folder/],
    ['EEXIST', 'copy-not-written', /\/backups is no folder/],
    ['EISDIR', 'copy-not-written', /there is a folder where the file belongs/],
    ['EIO', 'copy-not-written', /written into \/backups: the words of the system\./],
  ] as const
  for (const [name, code, says] of reasons)
    test(`says why: ${name}`, () => {
      for (const thrown of [name, errno[name]]) {
        const error = notWritten('The backup', '/backups', Object.assign(new Error('the words of the system'), { code: thrown }))
        assert.equal(error.code, code)
        assert.match(error.message, says)
        assert.match(error.message, /^The backup could not be written/)
        assert.match(error.message, /the words of the system/)
      }
    })

  test('knows want of room by the words of the C library, which is all that LMDB says of a copy', () => {
    for (const said of ['No space left on device', 'Disk quota exceeded', 'There is not enough space on the disk.'])
      assert.equal(notWritten('The backup', '/backups', new Error(said)).code, 'store-full')
  })

  test('says what it knows of what has no number', () => {
    assert.match(notWritten('The backup', '/backups', 'odd').message, /^The backup could not be written into \/backups: odd\.$/)
  })
})
