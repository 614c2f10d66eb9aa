/** @jsxImportSource preact */
// One graph over the last quarter of an hour. Its values stand in words beside their names, those under the pointer or the last ones.
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'

export interface Series {
  readonly name: string
  readonly values: readonly (number | null)[]
  /** A colour of the stylesheet, such as `--series-1`. */
  readonly colour: string
  readonly filled?: boolean
  readonly dashed?: boolean
}

export interface ChartProps {
  readonly title: string
  /** Milliseconds since the Unix epoch. */
  readonly at: readonly number[]
  readonly series: readonly Series[]
  readonly format: (value: number) => string
  /** Steps of the axis are powers of two, as sizes are read. */
  readonly binary?: boolean
  /** The axis goes at least as far. Default 1. */
  readonly least?: number
}

const HEIGHT = 150
const binarySteps = Array.from({ length: 45 }, (_, power) => 2 ** power)
/** A span of less has its times with seconds. */
const SECONDS_SHOWN_BELOW = 300
const SECONDS_MIN = 60

/** A colour as the canvas takes it, whatever the stylesheet calls it. */
function resolved(element: Element, colour: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${colour})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

function faded(colour: string): string {
  return colour.replace(/^rgb\(([^)]+)\)$/, 'rgba($1, 0.12)')
}

export function Chart({ title, at, series, format, binary = false, least = 1 }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [pointed, setPointed] = useState<number | null>(null)
  const dark = useDark()
  const names = series.map(({ name }) => name).join('|')

  // biome-ignore lint/correctness/useExhaustiveDependencies: the plot is made anew for other colours and other series, and gets its data below.
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const ink = resolved(element, '--ink-soft')
    const grid = { stroke: resolved(element, '--grid'), width: 1 }
    const axis = { stroke: ink, font: '11px system-ui, sans-serif', grid, ticks: { ...grid, size: 4 } }
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
        scales: {
          x: { range: (_, min, max) => [Math.min(min, max - SECONDS_MIN), max] },
          y: { range: (_, __, max) => [0, Math.max((max ?? 0) * 1.1, least)] },
        },
        axes: [
          { ...axis, space: 80, values: (_, times) => times.map((time) => timeOf(time, times)), size: 24 },
          { ...axis, space: 36, size: 64, ...(binary ? { incrs: binarySteps } : {}), values: (_, values) => values.map(format) },
        ],
        series: [
          {},
          ...series.map(({ name, colour, filled, dashed }) => {
            const stroke = resolved(element, colour)
            return {
              label: name,
              stroke,
              width: 1.5,
              spanGaps: false,
              points: { show: false },
              ...(filled === true ? { fill: faded(stroke) } : {}),
              ...(dashed === true ? { dash: [5, 4] } : {}),
            }
          }),
        ],
        hooks: { setCursor: [({ cursor }) => setPointed(cursor.idx ?? null)] },
      },
      dataOf(at, series),
      element,
    )
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [dark, names])

  useEffect(() => plot.current?.setData(dataOf(at, series)), [at, series])

  const index = pointed ?? at.length - 1
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <ul class="legend">
          {series.map(({ name, colour, values }) => (
            <li key={name}>
              <Swatch colour={colour} /> {name} <b>{values[index] == null ? '–' : format(values[index])}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="plot" ref={place} role="img" aria-label={`${title}, over the last quarter of an hour`} />
    </figure>
  )
}

function timeOf(seconds: number, shown: readonly number[]): string {
  const span = (shown.at(-1) ?? 0) - (shown[0] ?? 0)
  const text = new Date(seconds * 1000).toLocaleTimeString('en-GB')
  return span < SECONDS_SHOWN_BELOW ? text : text.slice(0, 5)
}

/** By class, since styles in attributes are not allowed here. */
export function Swatch({ colour }: { readonly colour: string }) {
  return <i class={`swatch ${colour.replace('--', '')}`} aria-hidden="true" />
}

function dataOf(at: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [at.map((ms) => ms / 1000), ...series.map(({ values }) => [...values])] as uPlot.AlignedData
}

function useDark(): boolean {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches)
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const changed = (): void => setDark(query.matches)
    query.addEventListener('change', changed)
    return () => query.removeEventListener('change', changed)
  }, [])
  return dark
}
