// A process that compacts one document and ends: the document comes in on standard input and leaves on standard output. The work is done in
// a thread, for its larger stack; this side watches how much memory that takes, since buffers are outside every limit that Node knows, and
// ends the process at the bound.
import { writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { systemClock } from '../../../core/clock.js'
import { FrameReader } from './frames.js'
import { answerFrame, costFrame, EXIT_TOO_MUCH_MEMORY, requestIn } from './process-messages.js'
import { CompactionThread } from './thread.js'

const WATCH_MS = 10
const memoryBytesMax = Number(process.argv[2])

function watch(): void {
  if (process.memoryUsage.rss() > memoryBytesMax) process.exit(EXIT_TOO_MUCH_MEMORY)
  systemClock.after(WATCH_MS, watch, { unref: true })
}

/** On a machine that runs out of memory this process goes first, not the server. */
function offerItself(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000')
  } catch {
    // Where the file is missing (not on Linux) or may not be written, the kernel decides by itself.
  }
}

function write(pieces: readonly Uint8Array[], written: () => void): void {
  pieces.forEach((piece, index) => void process.stdout.write(piece, index === pieces.length - 1 ? () => written() : undefined))
}

setPriority(constants.priority.PRIORITY_LOW)
offerItself()
watch()
const reader = new FrameReader((frame) => {
  const thread = new CompactionThread(memoryBytesMax)
  thread
    .ask(requestIn(frame), (cost) => write(costFrame(cost), () => {}))
    .then(
      (answer) => write(answerFrame(answer), () => process.exit(0)),
      // The thread ends at its limit of memory.
      () => process.exit(EXIT_TOO_MUCH_MEMORY),
    )
})
process.stdin.on('data', (chunk: Buffer) => reader.push(chunk))
// The server is gone.
process.stdin.on('end', () => process.exit(1))
