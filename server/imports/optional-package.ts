// Packages that only an import needs, and that whoever runs it installs: parsers of others' stores, with native parts.

/** The package, or null where it is not installed or has no build for this system. `Package` is what is used of it. */
export async function optionalPackage<Package>(name: string): Promise<Package | null> {
  try {
    const loaded: Package & { readonly default?: Package } = await import(name)
    return loaded.default ?? loaded
  } catch {
    return null
  }
}
