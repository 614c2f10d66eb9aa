// Packages that only an import needs, and that whoever runs it installs: parsers of others' stores, with native parts.

import { createRequire } from 'node:module'

/** The package, or null where it is not installed, is for a newer Node, or has no build for this system. `Package` is what is used of it. */
export async function optionalPackage<Package>(name: string): Promise<Package | null> {
  try {
    if (isForNewerNode(name)) return null
    const loaded: Package & { readonly default?: Package } = await import(name)
    return loaded.default ?? loaded
  } catch {
    return null
  }
}

/** A native part that is built for a newer Node may end the process when it is loaded. */
function isForNewerNode(name: string): boolean {
  if (name.startsWith('node:')) return false
  const { engines }: { readonly engines?: { readonly node?: string } } = createRequire(import.meta.url)(`${name}/package.json`)
  const least = /^>=\s*(\d+)/.exec(engines?.node ?? '')?.[1]
  return least !== undefined && Number.parseInt(process.versions.node, 10) < Number(least)
}
