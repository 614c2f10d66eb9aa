// Reads one value from a server's /metrics.

export async function readMetric(serverUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${serverUrl}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`weft_${name} `))
  if (line === undefined) throw new Error(`There is no metric ${name}`)
  return Number(line.split(' ')[1])
}
