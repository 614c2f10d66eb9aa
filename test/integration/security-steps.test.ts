// The steps of docs/security.md, typed as they stand there into a shell, with what they answer: only folders and ports are other ones.
import { strict as assert } from 'node:assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import * as Y from 'yjs'
import { connect, type DocumentSession } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { freePort } from '../helpers/free-port.js'
import { repositoryRoot } from '../helpers/repository.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'
import { until } from '../helpers/until.js'

interface Typed {
  readonly command: string
  /** With `…` for what differs. */
  readonly answer: readonly string[]
}

interface Step {
  readonly title: string
  /** Each stands in a block of its own. */
  readonly blocks: readonly (readonly Typed[])[]
  readonly settings: string | null
}

/** `### 1. Secrets` and what follows it, until the next part. */
function stepsIn(text: string): readonly Step[] {
  const part = /^## A node on the internet, step by step\n(.*?)^## /ms.exec(text)?.[1] ?? assert.fail('the steps are there')
  return part
    .split(/^### /m)
    .slice(1)
    .map((step) => {
      const block = (kind: string): string[] =>
        [...step.matchAll(new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\``, 'gms'))].map(([, inner = '']) => inner)
      return { title: step.slice(0, step.indexOf('\n')), blocks: block('console').map(typedIn), settings: block('json')[0] ?? null }
    })
}

function typedIn(block: string): readonly Typed[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((one) => {
      const [command = '', ...answer] = one.trimEnd().split('\n')
      return { command, answer }
    })
}

/** A shell that is typed into; what it starts ends with it. */
class Shell {
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(context: TestContext, environment: NodeJS.ProcessEnv) {
    const shell = spawn('bash', ['--noprofile', '--norc'], { env: environment, stdio: ['pipe', 'pipe', 'inherit'], detached: true })
    this.#process = shell
    this.#lines = createInterface({ input: shell.stdout })[Symbol.asyncIterator]()
    context.after(() => {
      // Its group: the server that it has started is in it.
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL')
    })
    shell.stdin.write('exec 2>&1\n')
  }

  /** What the command says. */
  async type(command: string): Promise<readonly string[]> {
    const end = 'this-is-the-end-of-the-answer'
    // The last line of an answer may be without an end.
    this.#process.stdin?.write(`${command}\nprintf '\\n%s\\n' ${end}\n`)
    const said: string[] = []
    for (;;) {
      const { value, done } = await this.#lines.next()
      assert.ok(done !== true, `the shell ended at: ${command}; it said:\n${said.join('\n')}`)
      if (value === end) return said.at(-1) === '' ? said.slice(0, -1) : said
      said.push(value)
    }
  }
}

function isAs(said: string, expected: string): boolean {
  const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${expected.split('…').map(literal).join('.*')}$`).test(said.trimEnd())
}

test('X3, X5: a node is put on the internet as docs/security.md says, and each step shows what it says', async (context) => {
  const steps = stepsIn(readFileSync(path.join(repositoryRoot, 'docs/security.md'), 'utf8'))
  assert.deepEqual(
    steps.map(({ title }) => Number.parseInt(title, 10)),
    Array.from({ length: 14 }, (_, index) => index + 1),
  )
  const folder = temporaryFolder(context)
  const programs = path.join(folder, 'bin')
  mkdirSync(programs)
  const main = path.join(repositoryRoot, 'dist/weft/main.js')
  writeFileSync(path.join(programs, 'weft'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 })
  for (const name of ['curl', 'openssl']) {
    const program = process.env[`WEFT_TEST_${name.toUpperCase()}`] ?? assert.fail(`${name} is named by the test command`)
    symlinkSync(program, path.join(programs, name))
  }
  const ports = new Map([
    ['1234', await freePort()],
    ['9464', await freePort()],
    ['9465', await freePort()],
  ])
  const here = (text: string): string =>
    text.replace(/\b(1234|9464|9465)\b/g, (port) => String(ports.get(port))).replace(/(\/etc\/weft|\/var\/l\w+\/weft)/g, `${folder}$1`)
  const shell = new Shell(context, { ...process.env, PATH: `${programs}:${process.env['PATH'] ?? ''}` })

  const url = here('http://127.0.0.1:1234')
  const secretOf = (name: string): string => readFileSync(here(`/etc/weft/${name}`), 'utf8').trim()
  const statusWith = async (secret: string): Promise<number> => {
    const token = await new SignJWT({ weft: { documents: { 'notes/*': 'read' } } })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('eve')
      .setIssuer('https://app.example.com')
      .setAudience('weft')
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(secret))
    return (await fetch(`${url}/api/v1/documents/notes%2Ftoday/presence`, { headers: { authorization: `Bearer ${token}` } })).status
  }
  const doc = new Y.Doc()
  let session: DocumentSession | null = null
  let ofUsers = ''
  /** What happens outside of the shell, after a block of a step. */
  const meanwhile: Readonly<Record<string, (said: readonly string[]) => Promise<void>>> = {
    '11.1': async ([ticket = '']) => {
      const connection = connect(here('ws://127.0.0.1:1234'), { token: ticket.trim(), logger: silentLogger })
      context.after(() => connection.close())
      session = connection.open('notes/today', doc)
      await session.synced
      ofUsers = secretOf('jwt-secret')
      assert.equal(await statusWith(ofUsers), 200)
    },
    '12.1': async () => {
      await until(() => session?.status.state === 'refused', 'her client was told')
      doc.getText('body').insert(0, 'kept')
      assert.equal(session?.unsaved, 1)
    },
    '13.1': async () => {
      assert.deepEqual([await statusWith(ofUsers), await statusWith(secretOf('jwt-secret'))], [401, 200])
    },
  }

  for (const { title, blocks, settings } of steps) {
    if (settings !== null) writeFileSync(here('/etc/weft/weft.json'), here(settings))
    for (const [index, block] of blocks.entries()) {
      let said: readonly string[] = []
      for (const { command, answer } of block) {
        said = await shell.type(here(command))
        const isAll = said.length === answer.length && said.every((line, at) => isAs(line, here(answer[at] ?? '')))
        assert.ok(isAll, `${title}\n$ ${command}\nsaid:\n${said.join('\n')}\nin the place of:\n${answer.join('\n')}`)
      }
      await meanwhile[`${Number.parseInt(title, 10)}.${index + 1}`]?.(said)
    }
  }
  assert.deepEqual(await shell.type('kill $PID; wait $PID; echo $?'), ['0'], 'it stops as it should')
})
