// Names in a directory survive a power cut once the directory is synced.
import { closeSync, fsyncSync, openSync } from 'node:fs'

export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
