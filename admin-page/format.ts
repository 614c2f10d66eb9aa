// Figures as people read them.
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

export function bytes(value: number): string {
  let size = value
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit += 1
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}

export function count(value: number): string {
  if (value >= 10_000) return Math.round(value).toLocaleString('en')
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1)
}

export function milliseconds(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(0)} s`
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`
  return `${value >= 10 ? Math.round(value) : value.toFixed(1)} ms`
}

export function percent(share: number): string {
  return `${share > 0 && share < 0.095 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`
}

/** As people call a node; one that is alone has no name of its own. */
export function nodeName({ nodeId, mode }: { readonly nodeId: string; readonly mode: 'alone' | 'cluster' }): string {
  return mode === 'alone' || nodeId === '' ? 'This server' : nodeId
}

/** Such as `3 h 12 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

export function clockTime(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB')
}

export function dateTime(at: number): string {
  return new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })
}
