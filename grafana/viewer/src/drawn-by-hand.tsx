import { type DataFrame, FieldType, type GrafanaTheme2, getDisplayProcessor } from '@grafana/data'
import type { CSSProperties, ReactNode } from 'react'

/**
 * Two kinds of panels that live in Grafana's own application and in no package. Their values, units,
 * names and colours are right; their axes and corners are only like Grafana's.
 */

interface Props {
  readonly frames: DataFrame[]
  readonly theme: GrafanaTheme2
  readonly width: number
  readonly height: number
}

const FONT = 11

const valuesOf = ({ fields }: DataFrame) => fields.find(({ type }) => type === FieldType.number)

/** A line: its name, as wide as the longest of them, and what it shows. */
function Row(props: {
  readonly label: string
  readonly height: number
  readonly children: ReactNode
}) {
  const label: CSSProperties = { padding: '0 6px 0 0', textAlign: 'right', whiteSpace: 'nowrap' }
  const { height } = props
  return (
    <tr style={{ height }}>
      <td style={label}>{props.label}</td>
      <td style={{ width: '100%', padding: 0 }}>
        <div style={{ display: 'flex', height }}>{props.children}</div>
      </td>
    </tr>
  )
}

function Rows({ width, children }: { readonly width: number; readonly children: ReactNode }) {
  return (
    <table style={{ width, borderCollapse: 'collapse', fontSize: FONT, lineHeight: 1 }}>
      <tbody>{children}</tbody>
    </table>
  )
}

/** Values that follow each other and are the same. */
function runsOf(values: readonly (number | null)[]): { value: number | null; length: number }[] {
  const runs: { value: number | null; length: number }[] = []
  for (const value of values) {
    const last = runs.at(-1)
    if (last?.value === value) last.length++
    else runs.push({ value, length: 1 })
  }
  return runs
}

export function StateTimeline({ frames, theme, width, height }: Props): ReactNode {
  const each = Math.min(60, Math.max(18, height / frames.length))
  return (
    <Rows width={width}>
      {frames.map((frame) => {
        const field = valuesOf(frame)
        return (
          <Row key={frame.name} label={frame.name ?? ''} height={each}>
            {runsOf(field?.values ?? []).map(({ value, length }, at) => {
              const state = value === null ? undefined : field?.display?.(value)
              const background = state?.color
              const color = background && theme.colors.getContrastText(background)
              const style: CSSProperties = {
                flex: length,
                minWidth: 0,
                margin: '2px 0',
                overflow: 'hidden',
                lineHeight: `${each - 4}px`,
              }
              return (
                // biome-ignore lint/suspicious/noArrayIndexKey: a run is its place in time.
                <div key={at} style={{ ...style, background, color }}>
                  {state && length > 15 ? ` ${state.text}` : ''}
                </div>
              )
            })}
          </Row>
        )
      })}
    </Rows>
  )
}

interface Bucket {
  readonly le: number
  readonly counts: readonly number[]
}

/** How many are in each bucket, and not also in those below: buckets of Prometheus add up. */
function bucketsOf(frames: DataFrame[]): readonly Bucket[] {
  const rising = frames
    .map((frame) => {
      const field = valuesOf(frame)
      const le = field?.labels?.['le'] ?? ''
      return {
        le: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
        sums: (field?.values ?? []) as (number | null)[],
      }
    })
    .sort((one, other) => one.le - other.le)
  return rising.map(({ le, sums }, at) => ({
    le,
    counts: sums.map((sum, time) => Math.max(0, (sum ?? 0) - (rising[at - 1]?.sums[time] ?? 0))),
  }))
}

export function Heatmap({ frames, theme, width, height }: Props): ReactNode {
  const unit = frames[0] && valuesOf(frames[0])?.config.unit
  const display = getDisplayProcessor({
    field: { type: FieldType.number, config: { unit } },
    theme,
  })
  const all = bucketsOf(frames)
  const most = Math.max(...all.flatMap(({ counts }) => counts), 1e-9)
  const label = (le: number) => {
    if (!Number.isFinite(le)) return 'more'
    const { text, suffix = '' } = display(le)
    return text + suffix
  }
  return (
    <Rows width={width}>
      {all.toReversed().map(({ le, counts }) => (
        <Row key={le} label={label(le)} height={height / all.length}>
          {counts.map((count, at) => {
            const share = Math.sqrt(count / most)
            const background =
              count > 0.01 ? `rgb(255 ${210 - 130 * share} 90 / ${0.25 + 0.75 * share})` : undefined
            // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its place in time.
            return <div key={at} style={{ flex: 1, background }} />
          })}
        </Row>
      ))}
    </Rows>
  )
}
