// The package as npm would publish it, installed into an empty project of its own.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryRoot } from './repository.js'

const run = promisify(execFile)

export interface InstalledPackage {
  /** A folder with a package.json of type `module`, in which `weft-sync` and what it needs is installed. */
  readonly project: string
  /** What is in the package. */
  readonly paths: readonly string[]
  npm(args: readonly string[]): Promise<void>
}

/** Packs the package as it was built (the tests run from the same dist/), installs it with what else is named, and removes all of it after `use`. */
export async function withInstalledPackage(
  use: (installed: InstalledPackage) => Promise<void>,
  others: readonly string[] = [],
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-package-'))
  const project = join(folder, 'project')
  const npm = (args: readonly string[], cwd: string) => run('npm', [...args], { cwd, timeout: 120_000 })
  try {
    await mkdir(project)
    const { stdout } = await npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], repositoryRoot)
    const packed: { filename: string; files: { path: string }[] }[] = JSON.parse(stdout)
    await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }))
    const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
    await npm(['install', ...quiet, join(folder, packed[0]?.filename ?? ''), ...others], project)
    await use({
      project,
      paths: packed[0]?.files.map((entry) => entry.path) ?? [],
      npm: async (args) => void (await npm(args, project)),
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
