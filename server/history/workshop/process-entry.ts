// A process for one task on a large document. It ends by itself when it takes more memory than it may; buffers are outside every limit that
// Node knows.
import { constants, setPriority } from 'node:os'
import { systemClock } from '../../../core/clock.js'
import { EXIT_TOO_MUCH_MEMORY } from '../../document/compactor/process-messages.js'
import { answerTo, type WorkRequest } from './messages.js'

const WATCH_MS = 10
const memoryBytesMax = Number(process.argv[2])

function watch(): void {
  if (process.memoryUsage.rss() > memoryBytesMax) process.exit(EXIT_TOO_MUCH_MEMORY)
  systemClock.after(WATCH_MS, watch, { unref: true })
}

if (process.send !== undefined) {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  watch()
  process.on('message', (request: WorkRequest) => process.send?.(answerTo(request), () => process.exit(0)))
  // Without the server that asked nobody waits for an answer.
  process.on('disconnect', () => process.exit(1))
}
