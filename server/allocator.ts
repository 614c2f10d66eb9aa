// What the C library's allocator does with memory that was given back to it. Without a word it raises, with each large buffer that is freed, the size up to which buffers come
// from its heap (to 32 MB) and what it keeps at the heap's end (to 64 MB), and it has a heap for each of several threads: so a burst of large messages stays in the process for good,
// and the documents' memory is scattered. It reads its settings once, when a process begins.

/** Larger buffers are mapped one by one and given back at once; no more than this stays at the end of the heap, of which there is one. See mallopt(3). */
const SETTINGS = { MALLOC_MMAP_THRESHOLD_: '262144', MALLOC_TRIM_THRESHOLD_: '131072', MALLOC_ARENA_MAX: '1' } as const

/** Whoever set one of these has an allocator of his own choice. */
const CHOSEN = [...Object.keys(SETTINGS), 'GLIBC_TUNABLES', 'LD_PRELOAD']

/** Replaces the program of the calling process; does not return unless it fails. Node has it from 22.15 on, but on Windows. */
type Execve = (file: string, args: readonly string[], environment: NodeJS.ProcessEnv) => void

/**
 * Starts this program anew in the same process, with the same arguments, under `SETTINGS`: some 50 ms. For a program that has just begun. Does nothing where Node cannot do that, where
 * one of the settings is made already, and for a process that was forked, which would lose its parent's channel.
 */
export function startAgainWithAllocator(): void {
  const { execve }: NodeJS.Process & { execve?: Execve } = process
  if (process.platform !== 'linux' || execve === undefined || process.channel !== undefined) return
  if (CHOSEN.some((name) => process.env[name] !== undefined)) return
  execve.call(process, process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    ...process.env,
    ...SETTINGS,
  })
}
