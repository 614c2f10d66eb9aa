// A folder that is gone when the test is.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'

export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-test-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
