// The version of this package.
import { readFile } from 'node:fs/promises'

/** The version in the nearest package.json above this file. */
export async function packageVersion(): Promise<string> {
  for (const folder of ['../../', '../../../', '../../../../']) {
    const text = await readFile(new URL(`${folder}package.json`, import.meta.url), 'utf8').catch(() => null)
    const manifest: unknown = text === null ? null : JSON.parse(text)
    if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version)
  }
  return 'unknown'
}
