import { PanelBuilder as BarGaugeBuilder } from '@grafana/grafana-foundation-sdk/bargauge'
import {
  BarGaugeDisplayMode,
  BarGaugeNamePlacement,
  BarGaugeSizing,
  BigValueGraphMode,
  type DataSourceRef,
  ReduceDataOptionsBuilder,
  VizOrientation,
  VizTextDisplayOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Panel,
  SpecialValueMatch,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { colouring } from './colours.ts'
import { runbookLink } from './runbooks.ts'

/**
 * What all panels have: description, unit, thresholds, colours, link to the runbook. Then the kinds
 * that show values of now; graphs.ts has those over time.
 */

/** Whoever opens a dashboard chooses the Prometheus. */
export const DATASOURCE: DataSourceRef = { type: 'prometheus', uid: '$datasource' }

const NO_DATA = 'No data'

/** Whole numbers, `21,345`. */
export const COUNT = 'locale'

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
  /** `COUNT` for what is counted, else a unit of Grafana. */
  readonly unit: string
  /** Width, of 24. */
  readonly span: number
  readonly height?: number
  readonly queries: readonly Query[]
  /** From which value on which colour; below the first: green, or what `below` says. */
  readonly thresholds?: readonly (readonly [from: number, colour: string])[]
  readonly below?: string
  /** Last words of series' names that have a colour of their own. */
  readonly colours?: readonly string[]
  /** Shown where there is no series. */
  readonly none?: string
}

/** What all builders have in common. */
export interface Dressable {
  title(title: string): this
  description(description: string): this
  unit(unit: string): this
  decimals(decimals: number): this
  span(width: number): this
  height(height: number): this
  datasource(ref: DataSourceRef): this
  links(links: ReturnType<typeof runbookLink>[]): this
  noValue(words: string): this
  targets(targets: DataqueryBuilder[]): this
  thresholds(thresholds: ThresholdsConfigBuilder): this
  overrideByRegexp(regexp: string, properties: DynamicConfigValue[]): this
  build(): Panel
}

type Dress = (query: DataqueryBuilder) => DataqueryBuilder

export function dress<T extends Dressable>(
  builder: T,
  facts: PanelFacts,
  ask: Dress = (query) => query.range(),
): T {
  const queries = facts.queries.map(({ expr, legend }, at) => {
    const query = new DataqueryBuilder().expr(expr).legendFormat(legend).datasource(DATASOURCE)
    return ask(query.refId(String.fromCharCode(65 + at)))
  })
  if (facts.unit === COUNT) builder.decimals(0)
  for (const { pattern, property } of colouring(facts.colours ?? [])) {
    builder.overrideByRegexp(pattern, [property])
  }
  return builder
    .title(facts.title)
    .description(facts.description)
    .unit(facts.unit)
    .span(facts.span)
    .height(facts.height ?? 8)
    .datasource(DATASOURCE)
    .links([runbookLink(facts.runbook)])
    .noValue(facts.none ?? NO_DATA)
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

const lastValue = () => new ReduceDataOptionsBuilder().calcs(['lastNotNull'])

/** Nothing is known: neither the green of 0 nor the red of too few. */
const UNKNOWN = (text: string): ValueMapping => ({
  type: MappingType.SpecialValue,
  options: { match: SpecialValueMatch.NullAndNan, result: { text, color: '#8e8e9b' } },
})

/** One number, as of now. */
export function stat(facts: PanelFacts): StatBuilder {
  const builder = dress(new StatBuilder(), { height: 4, ...facts }, (query) => query.instant())
  if (facts.unit === 'percentunit') builder.decimals(1)
  return builder
    .mappings([UNKNOWN(facts.none ?? NO_DATA)])
    .reduceOptions(lastValue())
    .graphMode(BigValueGraphMode.None)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
}

interface BarFacts extends PanelFacts {
  /** Long names stand above their bars; else beside them. */
  readonly names?: 'above'
}

/** A bar for each series, as of now. */
export function bars({ names, ...facts }: BarFacts): BarGaugeBuilder {
  return (
    dress(new BarGaugeBuilder(), facts, (query) => query.instant())
      .reduceOptions(lastValue())
      .orientation(VizOrientation.Horizontal)
      .displayMode(BarGaugeDisplayMode.Basic)
      // Else the bars would grow, their letters with them, and the names would be cut.
      .text(new VizTextDisplayOptionsBuilder().titleSize(13).valueSize(13))
      .sizing(BarGaugeSizing.Manual)
      .namePlacement(names === 'above' ? BarGaugeNamePlacement.Top : BarGaugeNamePlacement.Left)
      .minVizHeight(names === 'above' ? 30 : 16)
      .maxVizHeight(40)
      .min(0)
      .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
  )
}
