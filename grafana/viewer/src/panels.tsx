import {
  type DataFrame,
  type DisplayValueAlignmentFactors,
  dateTime,
  type FieldConfigSource,
  type FieldDisplay,
  FieldType,
  type GrafanaTheme2,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  renderMarkdown,
  VizOrientation,
} from '@grafana/data'
import {
  BarGauge,
  BigValue,
  TimeSeries,
  VizRepeater,
  type VizRepeaterRenderValueProps,
} from '@grafana/ui'
import { TableNG } from '@grafana/ui/unstable'
import type { ReactNode } from 'react'
import { type Panel, VIEW } from './dashboard.ts'
import { Heatmap, StateTimeline } from './drawn-by-hand.tsx'

/** Each kind of panel with Grafana's own component for it, where there is one outside Grafana. */

export interface PanelProps {
  readonly panel: Panel
  readonly frames: DataFrame[]
  readonly theme: GrafanaTheme2
  readonly width: number
  readonly height: number
}

export const timeRange = (() => {
  const [from, to] = [dateTime(VIEW.from), dateTime(VIEW.to)]
  return { from, to, raw: { from, to } }
})()

export function Visualization(props: PanelProps): ReactNode {
  const { panel, frames, width, height } = props
  const isEmpty = frames.every(({ length }) => length === 0)
  if (isEmpty && panel.type !== 'stat') return <Nothing {...props} />
  switch (panel.type) {
    case 'timeseries':
      return (
        <TimeSeries
          frames={frames}
          structureRev={1}
          timeRange={timeRange}
          timeZone="browser"
          width={width}
          height={height}
          legend={panel.options.legend}
          options={panel.options}
        />
      )
    case 'stat':
    case 'bargauge':
      return <Values {...props} />
    case 'table':
      return (
        <TableNG
          data={frames[0] ?? { fields: [], length: 0 }}
          width={width}
          height={height}
          cellHeight={panel.options.cellHeight}
          structureRev={1}
        />
      )
    case 'heatmap':
      return <Heatmap {...props} />
    case 'state-timeline':
      return <StateTimeline {...props} />
    default:
      throw new Error(`The viewer does not know panels of the kind ${panel.type}`)
  }
}

export function Text({ panel }: { readonly panel: Panel }): ReactNode {
  return (
    <div
      className="markdown-html"
      style={{ height: '100%', overflow: 'auto' }}
      // biome-ignore lint/security/noDangerouslySetInnerHtml: it is our own text, as Grafana shows it.
      dangerouslySetInnerHTML={{ __html: renderMarkdown(panel.options.content) }}
    />
  )
}

function Nothing({ panel, theme, width, height }: PanelProps): ReactNode {
  const words = String(panel.fieldConfig?.defaults['noValue'] ?? 'No data')
  const color = theme.colors.text.secondary
  return <div style={{ width, height, display: 'grid', placeItems: 'center', color }}>{words}</div>
}

/** A number or a bar for each series. */
function Values({ panel, frames, theme, width, height }: PanelProps): ReactNode {
  const { options } = panel
  const source: FieldConfigSource = {
    defaults: { ...panel.fieldConfig?.defaults },
    overrides: [],
  }
  const getValues = (): FieldDisplay[] =>
    getFieldDisplayValues({
      fieldConfig: source,
      reduceOptions: options.reduceOptions,
      replaceVariables: (text) => text,
      theme,
      data: frames.filter(({ fields }) => fields.some(({ type }) => type === FieldType.number)),
    })
  const render = (each: VizRepeaterRenderValueProps<FieldDisplay, DisplayValueAlignmentFactors>) =>
    panel.type === 'stat' ? (
      <BigValue
        value={each.value.display}
        theme={theme}
        width={each.width}
        height={each.height}
        count={each.count}
        alignmentFactors={each.count > 1 ? each.alignmentFactors : undefined}
        colorMode={options.colorMode}
        graphMode={options.graphMode}
        justifyMode={options.justifyMode}
        textMode={options.textMode}
        text={options.text}
      />
    ) : (
      <BarGauge
        value={each.value.display}
        field={each.value.field}
        display={each.value.view?.getFieldDisplayProcessor(each.value.colIndex ?? 0)}
        theme={theme}
        width={each.width}
        height={each.height}
        orientation={each.orientation}
        displayMode={options.displayMode}
        valueDisplayMode={options.valueMode}
        namePlacement={options.namePlacement}
        text={options.text}
        itemSpacing={10}
        showUnfilled={options.showUnfilled}
        alignmentFactors={each.alignmentFactors}
      />
    )
  return (
    <VizRepeater
      source={frames}
      renderCounter={1}
      getValues={getValues}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={render}
      width={width}
      height={height}
      itemSpacing={panel.type === 'stat' ? 3 : 10}
      minVizHeight={options.minVizHeight ?? 16}
      maxVizHeight={options.sizing === 'manual' ? options.maxVizHeight : undefined}
      autoGrid={true}
      orientation={options.orientation ?? VizOrientation.Auto}
    />
  )
}
