import {
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
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
import { PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { COUNT, dress, type PanelFacts } from './panels.ts'

/** The kinds of panels that show values over time. */

/**
 * Of what is counted in each step. A step of 15 s would be asked about with a window of a minute, and
 * show every event in four of them; from a minute on the window is the step and one scrape more.
 */
const STEP = '1m'

const REACH: Readonly<Record<string, number>> = {
  [COUNT]: 4,
  short: 1,
  percentunit: 1,
  bytes: 1024,
  Bps: 1024,
}

interface GraphFacts extends PanelFacts {
  /** The series add up to something: areas, or bars for what is counted in each step. */
  readonly stacked?: 'areas' | 'bars'
  /** These series are limits: dashed. */
  readonly limit?: string
  /** All series have shades of this colour: each of them tells of trouble. */
  readonly shades?: string
  /** Where there may be many series, their names stand on the right. */
  readonly legend?: 'right'
  /** The axis reaches at least as far. Without it, that of nothing but zeros would reach 100. */
  readonly reach?: number
}

export function graph(given: GraphFacts): TimeseriesBuilder {
  const { stacked, limit, shades, legend, reach, ...facts } = given
  const builder = dress(new TimeseriesBuilder(), facts)
    .min(0)
    .axisSoftMax(reach ?? REACH[facts.unit] ?? 0.1)
    // A stacked series of zeros would draw its line upon the others.
    .lineWidth(stacked === undefined ? 1 : 0)
    .fillOpacity(stacked === undefined ? 5 : 70)
    .drawStyle(stacked === 'bars' ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .showPoints(VisibilityMode.Never)
    .stacking(
      new StackingConfigBuilder().mode(
        stacked === undefined ? StackingMode.None : StackingMode.Normal,
      ),
    )
    .colorScheme(schemeOf(shades))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(legend === 'right' ? LegendPlacement.Right : LegendPlacement.Bottom)
        .showLegend(true),
    )
  if (facts.unit === 'percentunit') builder.max(1)
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

function schemeOf(shades: string | undefined): FieldColorBuilder {
  const scheme = new FieldColorBuilder()
  return shades === undefined
    ? scheme.mode(FieldColorModeId.PaletteClassic)
    : scheme.mode(FieldColorModeId.Shades).fixedColor(shades)
}

/** How durations are spread, over time. */
export function heatmap(facts: PanelFacts): HeatmapBuilder {
  return dress(new HeatmapBuilder(), facts, (query) =>
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

/** A line for each series, whose values are states with a text and a colour each. */
export function timeline({
  states,
  ...facts
}: PanelFacts & {
  readonly states: readonly (readonly [value: number, text: string, color: string])[]
}): StateTimelineBuilder {
  const options = states.map(([value, text, color], index) => [value, { text, color, index }])
  const words: ValueMap = { type: MappingType.ValueToText, options: Object.fromEntries(options) }
  return dress(new StateTimelineBuilder(), facts)
    .mappings([words])
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(false),
    )
}
