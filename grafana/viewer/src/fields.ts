import {
  type DataFrame,
  type Field,
  type FieldConfig,
  FieldType,
  type GrafanaTheme2,
  getDisplayProcessor,
  getFieldDisplayName,
  getFieldDisplayValuesProxy,
  standardTransformers,
  standardTransformersRegistry,
  stringToJsRegex,
  transformDataFrame,
} from '@grafana/data'
import { lastValueFrom } from 'rxjs'
import type { Override, Panel } from './dashboard.ts'

/** Gives each field its configuration: the panel's defaults, then the overrides that match it. */

const GRAPH_DEFAULTS = {
  drawStyle: 'line',
  lineWidth: 1,
  fillOpacity: 0,
  showPoints: 'auto',
  pointSize: 5,
  spanNulls: false,
  axisPlacement: 'auto',
  lineInterpolation: 'linear',
  scaleDistribution: { type: 'linear' },
}

export function dressed(frames: DataFrame[], panel: Panel, theme: GrafanaTheme2): DataFrame[] {
  const all = frames.flatMap(({ fields }) => fields).filter(({ type }) => type === FieldType.number)
  const range = rangeOf(all, panel.fieldConfig?.defaults['min'])
  return frames.map((frame) => {
    const fields = frame.fields.map((field) => dress(field, frame, panel, all.indexOf(field)))
    for (const field of fields) field.state = { ...field.state, range }
    for (const field of fields) field.display = getDisplayProcessor({ field, theme })
    const made: DataFrame = { ...frame, fields }
    for (const field of fields)
      field.getLinks = (config) => linksOf(field, made, config.valueRowIndex)
    return made
  })
}

/** Of all fields together, so that bars of one panel can be compared. */
function rangeOf(fields: readonly Field[], least: unknown) {
  const values = fields.flatMap((field) => field.values.filter((value) => value !== null))
  const min = typeof least === 'number' ? least : Math.min(...values)
  const max = Math.max(...values)
  return { min, max, delta: max - min }
}

function dress(field: Field, frame: DataFrame, panel: Panel, at: number): Field {
  const config = structuredClone({ ...panel.fieldConfig?.defaults, ...field.config }) as FieldConfig
  if (field.type === FieldType.time) config.unit = undefined
  if (panel.type === 'timeseries') config.custom = { ...GRAPH_DEFAULTS, ...config.custom }
  for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
    if (!matches(matcher, field, frame)) continue
    for (const { id, value } of properties) set(config, id.split('.'), value)
  }
  return { ...field, config, state: { ...field.state, seriesIndex: at, multipleFrames: true } }
}

function matches({ id, options }: Override['matcher'], field: Field, frame: DataFrame): boolean {
  switch (id) {
    case 'byName':
      return getFieldDisplayName(field, frame) === options || field.name === options
    case 'byRegexp':
      return stringToJsRegex(options).test(getFieldDisplayName(field, frame))
    case 'byFrameRefID':
      return frame.refId === options && field.type === FieldType.number
    default:
      throw new Error(`The viewer does not know the matcher ${id}`)
  }
}

function set(config: object, path: readonly string[], value: unknown): void {
  const [first = '', ...rest] = path
  const holder = config as Record<string, unknown>
  if (rest.length === 0) holder[first] = value
  else {
    holder[first] = { ...(holder[first] as object | undefined) }
    set(holder[first] as object, rest, value)
  }
}

/** `${__data.fields.NAME}` in the address of a link, as Grafana fills it in. */
function linksOf(field: Field, frame: DataFrame, rowIndex = 0) {
  const cells = getFieldDisplayValuesProxy({ frame, rowIndex })
  return (field.config.links ?? []).map(({ title, url = '', targetBlank }) => ({
    title,
    href: url.replaceAll(/\$\{__data\.fields\.(\w+)\}/g, (_, name) => `${cells[name]}`),
    target: targetBlank ? ('_blank' as const) : undefined,
    origin: field,
  }))
}

const { organizeFieldsTransformer: organize } = standardTransformers
standardTransformersRegistry.setInit(() => [
  {
    id: organize.id,
    name: organize.name,
    transformation: () => Promise.resolve(organize),
    editor: () => null,
    imageDark: '',
    imageLight: '',
  },
])

export async function transformed(frames: DataFrame[], panel: Panel): Promise<DataFrame[]> {
  return lastValueFrom(transformDataFrame([...(panel.transformations ?? [])], frames))
}
