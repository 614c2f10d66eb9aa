// What a process has used, as Linux counts it.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'

const clockTicksPerSecond = Number(spawnSync('getconf', ['CLK_TCK']).stdout?.toString() ?? '') || 100

/** User plus system time of a process so far, all threads. */
export function cpuSecondsOf(pid: number): number {
  // Fields 14 and 15 of /proc/PID/stat, counted after the command name, which may hold spaces.
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond
}
