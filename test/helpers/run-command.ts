// Runs `weft` as a process of its own, to its end.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const mainFile = fileURLToPath(new URL('../../weft/main.js', import.meta.url))

export interface CommandEnded {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `program` is the Node that runs it. */
export function runCommand(
  args: readonly string[],
  environment: Record<string, string> = {},
  cwd?: string,
  program = process.execPath,
): Promise<CommandEnded> {
  return new Promise((resolve) => {
    const child = spawn(program, [mainFile, ...args], {
      env: { ...process.env, ...environment },
      ...(cwd === undefined ? {} : { cwd }),
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}
