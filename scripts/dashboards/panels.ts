import { PanelBuilder as BarGaugeBuilder } from '@grafana/grafana-foundation-sdk/bargauge'
import {
  BigValueGraphMode,
  type DataSourceRef,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Panel,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMap,
} from '@grafana/grafana-foundation-sdk/dashboard'
import {
  PanelBuilder as HeatmapBuilder,
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  HeatmapColorScale,
  HeatmapTooltipBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { runbookLink } from './runbooks.ts'

/** The kinds of panels, each dressed alike: description, unit, thresholds, link to the runbook. */

/** Whoever opens a dashboard chooses the Prometheus. */
export const DATASOURCE: DataSourceRef = { type: 'prometheus', uid: '$datasource' }

export interface Query {
  readonly expr: string
  /** The series' names, `{{status}}`. */
  readonly legend: string
}

export interface PanelFacts {
  readonly title: string
  /** What it shows, and what to think of it. */
  readonly description: string
  /** Section of docs/operations.md. */
  readonly runbook: string
  readonly unit: string
  /** Width, of 24. */
  readonly span: number
  readonly queries: readonly Query[]
  /** From which value on which colour; below the first: green, or what `below` says. */
  readonly thresholds?: readonly (readonly [from: number, colour: string])[]
  readonly below?: string
  /** Shown where there is no series. */
  readonly none?: string
}

/** What all builders have in common. */
interface Dressable {
  title(title: string): this
  description(description: string): this
  unit(unit: string): this
  span(width: number): this
  height(height: number): this
  datasource(ref: DataSourceRef): this
  links(links: ReturnType<typeof runbookLink>[]): this
  noValue(words: string): this
  targets(targets: DataqueryBuilder[]): this
  thresholds(thresholds: ThresholdsConfigBuilder): this
  build(): Panel
}

type Dress = (query: DataqueryBuilder) => DataqueryBuilder

function dress<T extends Dressable>(
  builder: T,
  height: number,
  facts: PanelFacts,
  ask: Dress = (query) => query.range(),
): T {
  const queries = facts.queries.map(({ expr, legend }, at) => {
    const query = new DataqueryBuilder().expr(expr).legendFormat(legend).datasource(DATASOURCE)
    return ask(query.refId(String.fromCharCode(65 + at)))
  })
  if (facts.none !== undefined) builder.noValue(facts.none)
  return builder
    .title(facts.title)
    .description(facts.description)
    .unit(facts.unit)
    .span(facts.span)
    .height(height)
    .datasource(DATASOURCE)
    .links([runbookLink(facts.runbook)])
    .thresholds(steps(facts))
    .targets(queries)
}

function steps({ thresholds = [], below = 'green' }: PanelFacts): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps([
      { value: null, color: below },
      ...thresholds.map(([value, color]) => ({ value, color })),
    ])
}

/**
 * Of what is counted in each step. A step of 15 s would be asked about with a window of a minute, and
 * show every event in four of them; from a minute on the window is the step and one scrape more.
 */
const STEP = '1m'

const lastValue = () => new ReduceDataOptionsBuilder().calcs(['lastNotNull'])

/** One number, or one for each series, as of now. */
export function stat(facts: PanelFacts): StatBuilder {
  return dress(new StatBuilder(), 4, facts, (query) => query.instant())
    .reduceOptions(lastValue())
    .graphMode(BigValueGraphMode.None)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
}

/** A bar for each series, as of now. */
export function bars(facts: PanelFacts): BarGaugeBuilder {
  return dress(new BarGaugeBuilder(), 8, { none: '0', ...facts }, (query) => query.instant())
    .reduceOptions(lastValue())
    .orientation(VizOrientation.Horizontal)
    .min(0)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
}

interface GraphFacts extends PanelFacts {
  /** The series add up to something: areas, or bars for what is counted in each step. */
  readonly stacked?: 'areas' | 'bars'
  /** This series is a limit: dashed. */
  readonly limit?: string
}

export function graph({ stacked, limit, ...facts }: GraphFacts): TimeseriesBuilder {
  const builder = dress(new TimeseriesBuilder(), 8, facts)
    .min(0)
    .lineWidth(1)
    .fillOpacity(stacked === undefined ? 5 : 40)
    .drawStyle(stacked === 'bars' ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .stacking(
      new StackingConfigBuilder().mode(
        stacked === undefined ? StackingMode.None : StackingMode.Normal,
      ),
    )
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
  if (stacked === 'bars') builder.interval(STEP)
  if (facts.thresholds !== undefined) {
    builder.thresholdsStyle(
      new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed),
    )
  }
  if (limit !== undefined) {
    const dashed = { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 8] } }
    builder.overrideByRegexp(limit, [dashed, { id: 'custom.fillOpacity', value: 0 }])
  }
  return builder
}

/** How durations are spread, over time. */
export function heatmap(facts: PanelFacts): HeatmapBuilder {
  return dress(new HeatmapBuilder(), 8, facts, (query) =>
    query.range().format(PromQueryFormat.Heatmap),
  )
    .interval(STEP)
    .calculate(false)
    .yAxis(new YAxisConfigBuilder().unit(facts.unit))
    .color(
      new HeatmapColorOptionsBuilder()
        .mode(HeatmapColorMode.Scheme)
        .scheme('Oranges')
        .scale(HeatmapColorScale.Exponential)
        .exponent(0.5)
        .steps(64),
    )
    .tooltip(new HeatmapTooltipBuilder().mode(TooltipDisplayMode.Single).yHistogram(true))
}

/** A line for each series that is coloured while its value is 1. */
export function timeline(facts: PanelFacts & { readonly on: string; readonly off: string }) {
  const { on, off } = facts
  const words: ValueMap = {
    type: MappingType.ValueToText,
    options: { '0': { text: off, color: 'green' }, '1': { text: on, color: 'red' } },
  }
  return dress(new StateTimelineBuilder(), 8, facts).mappings([words])
}
