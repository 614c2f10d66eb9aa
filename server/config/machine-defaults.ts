// Defaults that depend on the machine: what a process may hold is no more than the machine, or the container, has memory for.
import { totalmem } from 'node:os'
import { defaultSettings, type Settings } from './settings.js'

/** Of the memory there is, what clients may make the process hold. The rest is for the program, its garbage, and a compaction beside it. */
const MEMORY_SHARE = 0.4
/** A compaction runs in a process of its own, in the same container. */
const COMPACTION_SHARE = 0.35

/** The memory that this process may use, in bytes: the container's limit where it is in one, else what the machine has. */
export function memoryOfMachine(): number {
  // More than the machine has, or 0, where nothing bounds it.
  const constrained = process.constrainedMemory() ?? 0
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** The value of each setting that nobody gives, on a machine with so much memory. */
export function defaultSettingsFor(memoryBytes: number): Settings {
  return Object.freeze({
    ...defaultSettings,
    'limits.memoryBytesMax': Math.min(defaultSettings['limits.memoryBytesMax'], Math.floor(MEMORY_SHARE * memoryBytes)),
    'limits.compactionBytesMax': Math.min(defaultSettings['limits.compactionBytesMax'], Math.floor(COMPACTION_SHARE * memoryBytes)),
  })
}
